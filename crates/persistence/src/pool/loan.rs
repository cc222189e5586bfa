//! A connection that is used, and what has to happen before somebody else may use it.

use std::time::Duration;

use deadpool::managed::Object;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr};
use tokio::time::timeout;

use super::connector::{Connector, Kept, State};

/// Longest wait for the end of what was under way on a connection that comes back.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// A connection on loan, given back when dropped: at once when it is quiet, else by a task that
/// first brings it to rest.
pub(crate) struct Loan {
    /// Taken only by the drop.
    kept: Option<Object<Connector>>,
}

impl Loan {
    pub(super) fn new(kept: Object<Connector>) -> Self {
        Self { kept: Some(kept) }
    }

    /// For statements within a transaction.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.kept().connection
    }

    /// Runs something that is over when it succeeds.
    pub(super) async fn run<T>(
        mut self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.kept().state = State::Doubtful;
        let answer = statement(self.connection()).await?;
        self.kept().state = State::Quiet;
        Ok(answer)
    }

    /// Statements that begin a transaction, written by this crate.
    pub(crate) async fn begin(&mut self, statements: String) -> Result<(), sqlx::Error> {
        self.kept().state = State::InTransaction;
        self.command(AssertSqlSafe(statements)).await
    }

    /// Ends the transaction by `COMMIT` or `ROLLBACK`.
    pub(crate) async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.command(statement).await?;
        self.kept().state = State::Quiet;
        Ok(())
    }

    /// Given back before [`Self::end`], the connection is closed.
    pub(crate) fn close_unless_ended(&mut self) {
        self.kept().state = State::Spent;
    }

    async fn command(&mut self, statement: impl SqlSafeStr) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(self.connection()).await?;
        Ok(())
    }

    fn kept(&mut self) -> &mut Kept {
        // It is there until this value is dropped.
        #[expect(clippy::expect_used, reason = "only the drop takes it, and only once")]
        self.kept.as_mut().expect("a connection on loan")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(kept) = self.kept.take() else {
            return;
        };
        if kept.state == State::Quiet {
            return;
        }
        // Without a runtime it goes back as it is, and is refused when somebody asks for it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(settle(kept));
        }
    }
}

/// Gives a connection back when it is at rest, and ends it when that takes too long or fails.
async fn settle(mut kept: Object<Connector>) {
    if kept.state != State::Spent
        && let Ok(Ok(())) = timeout(SETTLE_WITHIN, come_to_rest(&mut kept)).await
    {
        kept.state = State::Quiet;
        return;
    }
    let farewell = Object::take(kept).connection.close();
    // The server notices by itself, where it cannot be told.
    timeout(SETTLE_WITHIN, farewell).await.ok();
}

/// What was under way may end in an error of its own, which is nobody's any more.
async fn come_to_rest(kept: &mut Kept) -> Result<(), sqlx::Error> {
    match leave(kept).await {
        Err(sqlx::Error::Database(_)) => leave(kept).await,
        left => left,
    }
}

async fn leave(kept: &mut Kept) -> Result<(), sqlx::Error> {
    if kept.state != State::InTransaction {
        return kept.connection.ping().await;
    }
    let rollback = sqlx::raw_sql("ROLLBACK").execute(&mut kept.connection);
    rollback.await.map(drop)
}
