//! What the database itself promises, whoever writes to it.

mod append_only;
mod constraints;
mod migrations;
mod money;
mod partitions;
mod roles;
mod tree;

use agent_persistence::Pool;
use agent_testkit::TestApp;
use sqlx::PgExecutor;

// SQLSTATEs: PostgreSQL manual, appendix A.
const UNIQUE: &str = "23505";
const FOREIGN_KEY: &str = "23503";
const CHECK: &str = "23514";
const NOT_NULL: &str = "23502";

/// SQLSTATE and constraint with which a pool's role is refused a statement.
async fn refusal(pool: impl PgExecutor<'_>, statement: &str) -> (String, String) {
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned()))
        .execute(pool)
        .await;
    match done {
        Ok(_) => panic!("allowed: {statement}"),
        Err(sqlx::Error::Database(error)) => (
            error.code().unwrap_or_default().into_owned(),
            error.constraint().unwrap_or_default().to_owned(),
        ),
        Err(error) => panic!("{statement}: {error}"),
    }
}

/// The pool of the API, which works as the application role.
fn application(app: &TestApp) -> &Pool {
    app.app.core.db.pool()
}
