//! When a part of a transaction fails, nothing of it stays.

use agent_domain::{
    Code,
    portal::withdraw::WithdrawStatus::{Cancelled, Paying, Rejected, Reviewing},
};
use agent_services::portal::account::adjust;
use agent_testkit::{Answer, Payee, TestApp};
use futures_util::future::join_all;
use serde_json::json;

use super::trail;

/// Makes inserts into a table fail as a database does.
async fn break_inserts(app: &TestApp, table: &str, state: &str) {
    app.as_owner(&format!(
        "CREATE OR REPLACE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'broken on purpose' USING ERRCODE = '{state}'; END $$; \
         CREATE TRIGGER broken BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
    ))
    .await;
}

async fn mend_inserts(app: &TestApp, table: &str) {
    app.as_owner(&format!("DROP TRIGGER broken ON {table}"))
        .await;
}

fn assert_tells_nothing(answer: &Answer) {
    for word in [
        "broken",
        "agent_",
        "admin_audit",
        "SQL",
        "sqlx",
        "P0001",
        "trigger",
        "INSERT",
    ] {
        assert!(!answer.text.contains(word), "{word}: {answer:?}");
    }
}

async fn payee<'a>(app: &'a TestApp, code: &str) -> Payee<'a> {
    let brand = app.brand(code).await;
    app.payee(code, &brand, "5000").await
}

/// Without its audit row, its ledger entry and its event no change of money happens.
#[tokio::test]
async fn q82_q95_without_audit_row_ledger_entry_or_event_nothing_is_booked() {
    let app = TestApp::spawn().await;
    let payee = payee(&app, "parts").await;
    let cancelled = payee.session.withdrawn("500", payee.card).await;
    app.setting(&payee.agent, &payee.brand, "max_open_withdrawals = 9")
        .await;
    let reviewed = payee.session.withdrawn("500", payee.card).await;
    app.bring_order(&payee, &reviewed, Paying).await;
    let body = json!({ "amount": "500", "card_id": payee.card });
    let before = app.books().await;
    for table in [
        "admin_audit",
        "agent_ledger",
        "agent_outbox",
        "agent_outbox_pending",
    ] {
        break_inserts(&app, table, "P0001").await;
        let answer = payee.session.withdraw_once("key", &body).await;
        answer.assert_problem(500, "internal");
        assert_tells_nothing(&answer);
        let answer = payee.session.cancel(&cancelled).await;
        answer.assert_problem(500, "internal");
        assert_tells_nothing(&answer);
        let refused = app.move_order(&reviewed, Rejected).await.unwrap_err();
        assert_eq!(refused.code, Code::Internal, "{table}");
        let adjustment = app.adjustment(&payee.agent, &payee.brand, "1").await;
        let refused = adjust(&app.app.core, &adjustment).await.unwrap_err();
        assert_eq!(refused.code, Code::Internal, "{table}");
        assert_eq!(app.books().await, before, "{table}");
        mend_inserts(&app, table).await;
    }
    // The key of the failed request is free, and everything goes on.
    let answer = payee.session.withdraw_once("key", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    app.bring_order(&payee, &cancelled, Cancelled).await;
    app.move_order(&reviewed, Rejected).await.unwrap();
    trail::assert_orders_and_ledger_agree(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn q88_an_answer_that_cannot_be_stored_undoes_the_order() {
    let app = TestApp::spawn().await;
    let payee = payee(&app, "answer").await;
    let before = app.books().await;
    app.as_owner(
        "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'broken on purpose'; END $$; \
         CREATE TRIGGER broken BEFORE UPDATE ON idempotency_key FOR EACH ROW EXECUTE FUNCTION broken()",
    )
    .await;
    let body = json!({ "amount": "500", "card_id": payee.card });
    let answer = payee.session.withdraw_once("key", &body).await;
    answer.assert_problem(500, "internal");
    assert_eq!(app.books().await, before);
    app.finish().await;
}

/// The first attempts of a transaction end in a deadlock. A sequence counts them, because it is
/// not rolled back.
async fn deadlocks(app: &TestApp, attempts: u32) {
    app.as_owner(&format!(
        "DROP TRIGGER IF EXISTS deadlock ON agent_withdraw; \
         DROP SEQUENCE IF EXISTS attempts; CREATE SEQUENCE attempts; \
         CREATE OR REPLACE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
             IF nextval('attempts') <= {attempts} THEN \
                 RAISE EXCEPTION 'deadlock detected' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER deadlock BEFORE INSERT OR UPDATE ON agent_withdraw \
             FOR EACH ROW EXECUTE FUNCTION deadlock()"
    ))
    .await;
}

#[tokio::test]
async fn q95_a_deadlock_is_tried_again_twice_and_never_reaches_the_client_as_a_fault() {
    let app = TestApp::spawn().await;
    let payee = payee(&app, "deadlock").await;
    deadlocks(&app, 2).await;
    let body = json!({ "amount": "500", "card_id": payee.card });
    let answer = payee.session.withdraw_once("key", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let number = answer.body["withdraw_no"].as_str().unwrap();
    deadlocks(&app, 2).await;
    app.move_order(number, Reviewing).await.unwrap();
    trail::assert_orders_and_ledger_agree(&app).await;

    let before = app.books().await;
    deadlocks(&app, 3).await;
    let refused = app.move_order(number, Rejected).await.unwrap_err();
    assert_eq!(refused.code, Code::Unavailable);
    assert!(refused.retry_after.is_some());
    assert_eq!(app.books().await, before);
    app.finish().await;
}

/// The database itself books a hold, a release, a settlement, and a reference of an adjustment
/// once, whoever asks.
#[tokio::test]
async fn q95_the_same_movement_cannot_be_booked_twice() {
    let app = TestApp::spawn().await;
    let payee = payee(&app, "once").await;
    let rejected = payee.session.withdrawn("500", payee.card).await;
    app.move_order(&rejected, Rejected).await.unwrap();
    let again = "INSERT INTO agent_ledger (agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, \
                                           available_after, frozen_after, ref_type, ref_id, created_at) \
                 SELECT agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, \
                        available_after, frozen_after, ref_type, ref_id, now() FROM agent_ledger WHERE kind";
    for kind in ["adjust", "withdraw_hold", "withdraw_release"] {
        let query = sqlx::AssertSqlSafe(format!("{again} = '{kind}'"));
        let error = sqlx::query(query).execute(&app.owner).await.unwrap_err();
        let error = error.into_database_error().unwrap();
        assert_eq!(error.constraint(), Some("agent_ledger_once"), "{kind}");
    }
    // Should the state of an order ever be set back by hand, it still releases once.
    app.as_owner(&format!(
        "UPDATE agent_withdraw SET status = 'pending' WHERE withdraw_no = '{rejected}'"
    ))
    .await;
    let before = app.books().await;
    assert!(app.move_order(&rejected, Rejected).await.is_err());
    let answer = payee.session.cancel(&rejected).await;
    assert!(answer.status >= 400, "{answer:?}");
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn q95_one_reference_is_adjusted_once_however_many_ask() {
    let app = TestApp::spawn().await;
    let payee = payee(&app, "reference").await;
    let adjustment = app.adjustment(&payee.agent, &payee.brand, "12.3456").await;
    let outcomes = join_all((0..20).map(|_| adjust(&app.app.core, &adjustment))).await;
    assert_eq!(
        outcomes.iter().filter(|outcome| outcome.is_ok()).count(),
        1,
        "{outcomes:?}"
    );
    let conflict = |outcome: &Result<_, agent_domain::Problem>| match outcome {
        Ok(_) => true,
        Err(problem) => problem.code == Code::Conflict,
    };
    assert!(outcomes.iter().all(conflict), "{outcomes:?}");
    let balance = app.balance(&payee.agent, &payee.brand).await;
    assert_eq!(balance.available, "5012.3456".parse().unwrap());
    trail::assert_orders_and_ledger_agree(&app).await;
    app.finish().await;
}

/// The account is the sum of its ledger also for amounts that the columns cannot hold.
#[tokio::test]
async fn q95_an_adjustment_is_an_amount_of_at_most_four_decimals_and_not_zero() {
    let app = TestApp::spawn().await;
    let payee = payee(&app, "decimals").await;
    let before = app.books().await;
    for amount in [
        "0.00005",
        "-0.00005",
        "1.23456",
        "0",
        "0.0000",
        "10000000000000000",
        "-99999999999999999",
    ] {
        let adjustment = app.adjustment(&payee.agent, &payee.brand, amount).await;
        let refused = adjust(&app.app.core, &adjustment).await.unwrap_err();
        let codes = [Code::ValidationFailed, Code::InsufficientBalance];
        assert!(codes.contains(&refused.code), "{amount}: {refused:?}");
    }
    assert_eq!(app.books().await, before);
    for amount in ["0.0001", "-5000.0001", "1.20000"] {
        let adjustment = app.adjustment(&payee.agent, &payee.brand, amount).await;
        adjust(&app.app.core, &adjustment).await.unwrap();
    }
    app.finish().await;
}
