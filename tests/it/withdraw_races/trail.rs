//! What must be true of the books at every instant, and at the end.

use agent_testkit::{TestApp, books};
use sqlx::PgPool;

/// How many accounts are broken at this instant.
pub(super) async fn broken_accounts(pool: &PgPool) -> i64 {
    sqlx::query_scalar(books::ACCOUNTS)
        .fetch_one(pool)
        .await
        .unwrap()
}

/// Everything, once all is quiet.
pub(super) async fn assert_orders_and_ledger_agree(app: &TestApp) {
    for (what, query) in books::WITHDRAWALS {
        assert_eq!(app.count(query).await, 0, "{what}");
    }
}
