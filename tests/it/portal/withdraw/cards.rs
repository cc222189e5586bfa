//! An order keeps the card that it was made with, in today's form (P-131).

use agent_crypto::PiiColumn;
use agent_testkit::TestApp;
use serde_json::json;

async fn stored(app: &TestApp, query: &str) -> (String, String) {
    let query = sqlx::AssertSqlSafe(query.to_owned());
    sqlx::query_as(query).fetch_one(&app.owner).await.unwrap()
}

#[tokio::test]
async fn q83_changing_or_removing_a_card_never_redirects_an_order() {
    let app = TestApp::spawn().await;
    let brand = app.brand("snapshot").await;
    let payee = app.payee("snapshot", &brand, "5000").await;
    let number = payee.session.withdrawn("500", payee.card).await;
    let path = format!("/agent/withdraw/{number}");
    let as_made = payee.session.get(&path).await;
    let query = format!(
        "SELECT card_number, holder_name FROM agent_withdraw WHERE withdraw_no = '{number}'"
    );
    let row_as_made = stored(&app, &query).await;
    let (card_number, holder) =
        stored(&app, "SELECT card_number, holder_name FROM agent_bank_card").await;

    let other = app.payee("snapshot_other", &brand, "1").await;
    app.as_owner(&format!(
        "UPDATE agent_bank_card c SET card_number = o.card_number, holder_name = o.holder_name, card_last4 = '0000' \
         FROM agent_bank_card o WHERE c.id = {} AND o.id = {}; \
         UPDATE bank SET name = 'Renamed Bank'; \
         UPDATE agent_bank_card SET deleted_at = now(), is_default = false WHERE id = {0}",
        payee.card, other.card
    ))
    .await;

    let later = payee.session.get(&path).await;
    assert_eq!(later.body, as_made.body);
    assert_eq!(as_made.body["bank_name"], "Test Bank");
    let row_later = stored(&app, &query).await;
    assert_eq!(row_later, row_as_made);
    let plain = |column, stored: &str| app.app.pii.decrypt(column, stored).unwrap().to_string();
    assert_eq!(
        plain(PiiColumn::CardNumber, &row_later.0),
        plain(PiiColumn::CardNumber, &card_number)
    );
    assert_eq!(
        plain(PiiColumn::HolderName, &row_later.1),
        plain(PiiColumn::HolderName, &holder)
    );
    app.finish().await;
}

#[tokio::test]
async fn p131_p134_an_order_on_a_legacy_card_is_stored_as_gcm_v1() {
    let app = TestApp::spawn().await;
    let brand = app.brand("legacy").await;
    let payee = app.payee("legacy_card", &brand, "5000").await;
    let card = app.legacy_card(&payee.agent).await;
    let card_row =
        format!("SELECT card_number, holder_name FROM agent_bank_card WHERE id = {card}");
    let before = stored(&app, &card_row).await;
    assert!(!before.0.starts_with("aesgcm:v1:") && !before.1.starts_with("aesgcm:v1:"));

    let number = payee.session.withdrawn("500", card).await;
    let query = format!(
        "SELECT card_number, holder_name FROM agent_withdraw WHERE withdraw_no = '{number}'"
    );
    let order = stored(&app, &query).await;
    let plain = |column, stored: &str| app.app.pii.decrypt(column, stored).unwrap().to_string();
    for (column, old, new) in [
        (PiiColumn::CardNumber, &before.0, &order.0),
        (PiiColumn::HolderName, &before.1, &order.1),
    ] {
        assert!(new.starts_with("aesgcm:v1:"), "{column:?}");
        assert_eq!(plain(column, new), plain(column, old), "{column:?}");
    }
    // Reading a legacy row does not rewrite it: that is the backfill's work.
    assert_eq!(stored(&app, &card_row).await, before);
    app.finish().await;
}

#[tokio::test]
async fn p132_p133_two_orders_on_one_card_have_nothing_in_common() {
    let app = TestApp::spawn().await;
    let brand = app.brand("twice").await;
    let payee = app.payee("twice", &brand, "5000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 9")
        .await;
    let body = json!({ "amount": "500", "card_id": payee.card });
    for key in ["one", "two"] {
        assert_eq!(payee.session.withdraw_once(key, &body).await.status, 201);
    }
    let distinct = "SELECT count(DISTINCT v) FROM (SELECT card_number AS v FROM agent_withdraw \
                    UNION ALL SELECT holder_name FROM agent_withdraw \
                    UNION ALL SELECT card_number FROM agent_bank_card \
                    UNION ALL SELECT holder_name FROM agent_bank_card) x";
    assert_eq!(app.count(distinct).await, 6);
    app.finish().await;
}
