//! What older releases wrote is still read.

use agent_testkit::TestApp;

use super::{legacy, legacy_reads, set_card, unreadable};

#[tokio::test]
async fn p134_rows_of_the_old_service_are_read_everywhere() {
    let app = TestApp::spawn().await;
    let brand = app.brand("old").await;
    let payee = app.payee("old", &brand, "5000").await;
    let card = app.legacy_card(&payee.agent).await;
    for (column, plain) in [
        ("phone_num", "+66812345678"),
        ("email", "somchai@example.com"),
    ] {
        app.plant(plain);
        app.set_agent(&payee.agent, column, &legacy(&app, plain))
            .await;
    }
    let before = legacy_reads(&app, "cbc");
    let info = payee.session.get("/agent/info").await;
    assert_eq!(info.body["phone_masked"], "***5678", "{info:?}");
    assert_eq!(info.body["email_masked"], "s***@example.com");
    let list = payee.session.get("/agent/bank/list").await;
    let items = list.body["items"].as_array().unwrap();
    let old = items.iter().find(|item| item["id"] == card).unwrap();
    assert_eq!(old["holder_masked"], "L*** H***");
    payee.session.withdrawn("500", card).await;
    // Two of the profile, one holder in the list, number and holder for the order.
    assert_eq!(legacy_reads(&app, "cbc") - before, 5);
    assert_eq!(unreadable(&app), 0);
    app.finish().await;
}

#[tokio::test]
async fn p134_q89_plain_rows_from_before_any_encryption_are_read_and_counted() {
    let app = TestApp::spawn().await;
    let brand = app.brand("plain").await;
    let payee = app.payee("plain", &brand, "5000").await;
    app.set_agent(&payee.agent, "phone_num", "+66812345678")
        .await;
    set_card(&app, payee.card, "card_number", "4556 7375 8689 9855").await;
    set_card(&app, payee.card, "holder_name", "Somchai Jaidee").await;
    let info = payee.session.get("/agent/info").await;
    assert_eq!(info.body["phone_masked"], "***5678", "{info:?}");
    let list = payee.session.get("/agent/bank/list").await;
    assert_eq!(
        list.body["items"][0]["holder_masked"], "S*** J***",
        "{list:?}"
    );
    let number = payee.session.withdrawn("500", payee.card).await;
    assert_eq!(legacy_reads(&app, "plain"), 4);
    let clear = format!(
        "SELECT count(*) FROM agent_withdraw WHERE withdraw_no = '{number}' AND card_number ~ '4556'"
    );
    assert_eq!(app.count(&clear).await, 0);
    app.finish().await;
}
