//! A connection that is used, and what has to happen before somebody else may use it.

use std::time::Duration;

use deadpool::managed::Object;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqlSafeStr};
use tokio::time::timeout;

use super::Connector;

/// Longest wait for the end of what was under way on a connection that comes back.
const SETTLE_WITHIN: Duration = Duration::from_secs(5);

/// What is known of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Its last statement was answered, and no transaction is open.
    Quiet,
    /// Something failed or was broken off: it has to be asked.
    Doubtful,
    /// A transaction is open, or may be.
    InTransaction,
    /// It is not to be used again unless the transaction ends.
    Spent,
}

/// A connection on loan, given back when dropped: at once when it is quiet, else by a task that
/// first brings it to rest.
pub(crate) struct Loan {
    /// Taken only by the drop.
    connection: Option<Object<Connector>>,
    state: State,
}

impl Loan {
    pub(super) fn new(connection: Object<Connector>) -> Self {
        Self {
            connection: Some(connection),
            state: State::Quiet,
        }
    }

    /// For statements within a transaction.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        // It is there until this value is dropped.
        #[expect(clippy::expect_used, reason = "only the drop takes it, and only once")]
        self.connection.as_mut().expect("a connection on loan")
    }

    /// Runs something that is over when it succeeds.
    pub(super) async fn run<T>(
        mut self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.state = State::Doubtful;
        let answer = statement(self.connection()).await?;
        self.state = State::Quiet;
        Ok(answer)
    }

    /// Statements that begin a transaction, written by this crate.
    pub(crate) async fn begin(&mut self, statements: String) -> Result<(), sqlx::Error> {
        self.state = State::InTransaction;
        self.command(AssertSqlSafe(statements)).await
    }

    /// Ends the transaction by `COMMIT` or `ROLLBACK`.
    pub(crate) async fn end(mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        self.command(statement).await?;
        self.state = State::Quiet;
        Ok(())
    }

    /// Given back before [`Self::end`], the connection is closed.
    pub(crate) fn close_unless_ended(&mut self) {
        self.state = State::Spent;
    }

    async fn command(&mut self, statement: impl SqlSafeStr) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(self.connection()).await?;
        Ok(())
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.state == State::Quiet {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(settle(connection, self.state))),
            Err(_) => drop(Object::take(connection)),
        }
    }
}

/// Gives a connection back when it is at rest, and ends it when that takes too long or fails.
async fn settle(mut connection: Object<Connector>, state: State) {
    let settling = async {
        match state {
            State::Quiet => Ok(()),
            State::Doubtful => connection.ping().await,
            State::InTransaction => sqlx::raw_sql("ROLLBACK")
                .execute(&mut *connection)
                .await
                .map(drop),
            State::Spent => Err(sqlx::Error::PoolClosed),
        }
    };
    if matches!(timeout(SETTLE_WITHIN, settling).await, Ok(Ok(()))) {
        return;
    }
    let farewell = Object::take(connection).close();
    // The server notices by itself, where it cannot be told.
    timeout(SETTLE_WITHIN, farewell).await.ok();
}
