//! Accounts, ledger, orders and cards: what the tables refuse.

use agent_testkit::TestApp;

use super::{CHECK, FOREIGN_KEY, NOT_NULL, UNIQUE, refusal};

#[tokio::test]
async fn q95_accounts_ledger_and_orders_refuse_what_cannot_be() {
    let app = TestApp::spawn().await;
    let brand = app.brand("money").await;
    let payee = app.payee("money", &brand, "5000").await;
    let number = payee.session.withdrawn("500", payee.card).await;
    let before = app.books().await;
    for (statement, state) in [
        ("UPDATE agent_account SET available = -0.0001", CHECK),
        ("UPDATE agent_account SET frozen = -0.0001", CHECK),
        ("UPDATE agent_account SET available = NULL", NOT_NULL),
        (
            "UPDATE agent_withdraw SET amount = 0, fee = 0, net_amount = 0",
            CHECK,
        ),
        (
            "UPDATE agent_withdraw SET amount = -1, net_amount = -1 - fee",
            CHECK,
        ),
        (
            "UPDATE agent_withdraw SET fee = -1, net_amount = amount + 1",
            CHECK,
        ),
        (
            "UPDATE agent_withdraw SET net_amount = 0, fee = amount",
            CHECK,
        ),
        ("UPDATE agent_withdraw SET fee = fee + 1", CHECK),
        ("UPDATE agent_withdraw SET status = 'done'", CHECK),
        ("UPDATE agent_withdraw SET status = NULL", NOT_NULL),
        (
            "UPDATE agent_withdraw SET brand_id = brand_id + 1",
            FOREIGN_KEY,
        ),
        ("UPDATE agent_withdraw SET currency = 'USD'", FOREIGN_KEY),
        ("DELETE FROM agent_account", FOREIGN_KEY),
    ] {
        assert_eq!(refusal(&app.owner, statement).await.0, state, "{statement}");
    }
    let ledger = |kind: &str, after: &str| {
        format!(
            "INSERT INTO agent_ledger (agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, \
                                       available_after, frozen_after, ref_type, ref_id, created_at) \
             SELECT agent_id, brand_id, currency, '{kind}', 1, 1, 0, {after}, 0, 'x', 'x', now() FROM agent_account"
        )
    };
    assert_eq!(refusal(&app.owner, &ledger("gift", "1")).await.0, CHECK);
    assert_eq!(refusal(&app.owner, &ledger("adjust", "-1")).await.0, CHECK);
    let double = format!(
        "INSERT INTO agent_withdraw SELECT * FROM agent_withdraw WHERE withdraw_no = '{number}'"
    );
    let double = double.replace(
        "SELECT *",
        "SELECT (jsonb_populate_record(w, jsonb_build_object('guid', 99))).*",
    );
    let double = double.replace("FROM agent_withdraw WHERE", "FROM agent_withdraw w WHERE");
    let refused = refusal(&app.owner, &double).await;
    assert_eq!(
        refused,
        (UNIQUE.to_owned(), "agent_withdraw_no_key".to_owned())
    );
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn q83_a_card_is_bound_once_and_one_is_the_default() {
    let app = TestApp::spawn().await;
    let brand = app.brand("bound").await;
    let one = app.agent("bound_one", &[&brand]).await;
    let two = app.agent("bound_two", &[&brand]).await;
    let (first, second) = (app.card(&one).await, app.card(&one).await);
    let third = app.card(&two).await;
    let default = format!("UPDATE agent_bank_card SET is_default = true WHERE id = {second}");
    let refused = refusal(&app.owner, &default).await;
    assert_eq!(
        refused,
        (UNIQUE.to_owned(), "agent_bank_card_default_key".to_owned())
    );
    app.as_owner(&format!(
        "UPDATE agent_bank_card SET card_bidx = 'same' WHERE id = {first}"
    ))
    .await;
    let taken = format!("UPDATE agent_bank_card SET card_bidx = 'same' WHERE id = {third}");
    let refused = refusal(&app.owner, &taken).await;
    assert_eq!(
        refused,
        (UNIQUE.to_owned(), "agent_bank_card_number_key".to_owned())
    );
    // Once its owner has removed it, another may bind it.
    app.as_owner(&format!(
        "UPDATE agent_bank_card SET deleted_at = now() WHERE id = {first}; {taken}; {default}"
    ))
    .await;
    app.finish().await;
}
