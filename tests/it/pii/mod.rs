//! Personal data at rest (P-130 … P-146): what is stored, and what is read.

mod backfill;
mod damaged;
mod readable;
mod written;

use agent_crypto::PiiColumn;
use agent_testkit::{AgentFixture, Answer, TestApp};

fn encrypted(app: &TestApp, column: PiiColumn, plain: &str) -> String {
    app.app.pii.encrypt(column, plain).unwrap()
}

/// As the old service stored it.
fn legacy(app: &TestApp, plain: &str) -> String {
    app.app.pii.legacy_cbc_form(plain).unwrap()
}

async fn set_card(app: &TestApp, card: i64, column: &str, stored: &str) {
    let statement = format!("UPDATE agent_bank_card SET {column} = $1 WHERE id = $2");
    let query = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(stored)
        .bind(card);
    query.execute(&app.owner).await.unwrap();
}

fn legacy_reads(app: &TestApp, shape: &str) -> u64 {
    let counter = &app.metrics.pii_legacy_read_total;
    counter.with_label_values(&["decrypt", shape]).get()
}

fn unreadable(app: &TestApp) -> u64 {
    let counter = &app.metrics.tolerated_errors_total;
    counter.with_label_values(&["pii_unreadable"]).get()
}

fn assert_tells_nothing(answer: &Answer, agent: &AgentFixture) {
    answer.assert_problem(500, "internal");
    assert_eq!(answer.body["detail"], "the request could not be completed");
    for word in [
        "aes",
        "gcm",
        "decrypt",
        "authentic",
        "stored",
        "card",
        agent.username.as_str(),
    ] {
        assert!(
            !answer.text.to_lowercase().contains(word),
            "{word}: {answer:?}"
        );
    }
}
