//! Seeing one order, and taking it back.

use agent_domain::portal::withdraw::WithdrawStatus::{
    Approved, Cancelled, Paid, Paying, Pending, Rejected, Reviewing,
};
use agent_testkit::{Answer, TestApp};
use serde_json::json;

#[tokio::test]
async fn p029_a_pending_order_is_taken_back_once() {
    let app = TestApp::spawn().await;
    let brand = app.brand("back").await;
    let payee = app.payee("back", &brand, "5000").await;
    let number = payee.session.withdrawn("1200", payee.card).await;
    let answer = payee.session.cancel(&number).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["withdraw_no"], number);
    assert_eq!(answer.body["status"], "cancelled");
    let balance = app.balance(&payee.agent, &brand).await;
    assert_eq!((balance.available, balance.frozen), (5000.into(), 0.into()));
    let audit = format!(
        "SELECT concat_ws(' ', operator_id, action, old_value ->> 'status', new_value ->> 'status') \
         FROM admin_audit WHERE resource_id = '{number}' ORDER BY id DESC LIMIT 1"
    );
    let wanted = format!(
        "agent:{} AGENT_WITHDRAW_CANCEL pending cancelled",
        payee.agent.guid
    );
    assert_eq!(app.text(&audit).await, wanted);

    let after = app.books().await;
    payee
        .session
        .cancel(&number)
        .await
        .assert_problem(409, "conflict");
    let alias = payee
        .session
        .post(&format!("/withdraw/{number}/cancel"), &json!({}))
        .await;
    alias.assert_problem(409, "conflict");
    assert_eq!(app.books().await, after);
    payee.session.withdrawn("5000", payee.card).await;
    app.finish().await;
}

#[tokio::test]
async fn q82_what_is_under_review_or_over_cannot_be_taken_back() {
    let app = TestApp::spawn().await;
    let brand = app.brand("late").await;
    for status in [Reviewing, Approved, Paying, Paid, Rejected, Cancelled] {
        let payee = app
            .payee(&format!("late_{}", status.as_str()), &brand, "5000")
            .await;
        let number = payee.session.withdrawn("500", payee.card).await;
        app.bring_order(&payee, &number, status).await;
        let before = app.books().await;
        let answer = payee.session.cancel(&number).await;
        answer.assert_problem(409, "conflict");
        assert_eq!(app.books().await, before, "{status:?}");
        let order = payee
            .session
            .get(&format!("/agent/withdraw/{number}"))
            .await;
        assert_eq!(order.body["status"], status.as_str(), "{order:?}");
        let reviewed = matches!(status, Approved | Paying | Paid | Rejected);
        assert_eq!(!order.body["reviewed_at"].is_null(), reviewed, "{order:?}");
        assert_eq!(
            !order.body["paid_at"].is_null(),
            status == Paid,
            "{order:?}"
        );
        let reason = (status == Rejected).then_some("moved to rejected");
        assert_eq!(order.body["reject_reason"], json!(reason), "{order:?}");
    }
    app.finish().await;
}

/// Denied and absent give the same answer: no oracle.
#[tokio::test]
async fn p029_orders_of_others_and_of_other_brands_do_not_exist() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("mine").await, app.brand("yours").await);
    let owner = app.payee("owner", &brand, "5000").await;
    let number = owner.session.withdrawn("500", owner.card).await;
    app.join(&owner.agent, &other).await;
    let colleague = app.payee("colleague", &brand, "5000").await;
    let parent = app.agent("parent", &[&brand]).await;
    let child = app.agent_under("child", Some(parent.guid), &[&brand]).await;
    let card = app.card(&child).await;
    app.credit(&child, &brand, "5000").await;
    let child_session = app.session(&child, &brand).await;
    let child_number = child_session.withdrawn("500", card).await;
    let parent_session = app.session(&parent, &brand).await;
    let elsewhere = app.session(&owner.agent, &other).await;

    let before = app.books().await;
    let absent = owner.session.get("/agent/withdraw/W20200101000001").await;
    absent.assert_problem(404, "not_found");
    let alike = |answer: &Answer| {
        answer.assert_problem(404, "not_found");
        assert_eq!(answer.body["detail"], absent.body["detail"]);
        assert_eq!(answer.body["title"], absent.body["title"]);
    };
    for (session, number) in [
        (&colleague.session, &number),
        (&elsewhere, &number),
        (&parent_session, &child_number),
        (&child_session, &number),
    ] {
        alike(&session.get(&format!("/agent/withdraw/{number}")).await);
        alike(&session.get(&format!("/withdraw/{number}")).await);
        alike(&session.cancel(number).await);
    }
    assert_eq!(app.books().await, before);
    assert_eq!(
        app.count("SELECT count(*) FROM agent_withdraw WHERE status <> 'pending'")
            .await,
        0
    );
    app.bring_order(&owner, &number, Pending).await;
    app.finish().await;
}

#[tokio::test]
async fn p029_a_text_that_is_no_number_of_an_order_names_nothing() {
    let app = TestApp::spawn().await;
    let brand = app.brand("odd").await;
    let payee = app.payee("odd", &brand, "5000").await;
    let number = payee.session.withdrawn("500", payee.card).await;
    let before = app.books().await;
    let digits = &number[1..];
    for odd in [
        "W".to_owned(),
        digits.to_owned(),
        number.to_lowercase(),
        format!("{number}%20"),
        format!("%20{number}"),
        format!("{number}%0A"),
        format!("W{}", "9".repeat(27)),
        format!("W{}", "9".repeat(5000)),
        "W%D9%A2%D9%A0%D9%A2%D9%A6%D9%A0%D9%A1%D9%A0%D9%A1%D9%A0%D9%A0%D9%A0%D9%A0%D9%A0%D9%A1"
            .to_owned(),
        "W-0000000000001".to_owned(),
        "W'%20OR%20'1'='1".to_owned(),
        "%FF%FE".to_owned(),
        "..%2Flist".to_owned(),
    ] {
        for suffix in ["", "/cancel"] {
            let method = if suffix.is_empty() { "GET" } else { "POST" };
            let path = format!("/agent/withdraw/{odd}{suffix}");
            let answer = Answer::of(payee.session.request(method, &path)).await;
            assert_eq!(answer.status, 404, "{path}: {answer:?}");
        }
    }
    assert_eq!(app.books().await, before);
    app.finish().await;
}
