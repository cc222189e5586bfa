//! How connections are made, and which are fit to be used again.

use std::{io::ErrorKind, time::Duration};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use sqlx::{Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::time::timeout;

/// The role that every connection works as, where its login may.
const APPLICATION_ROLE: &str = "agent_service_app";

/// A connection that nobody used for longer is asked whether it lives before it is handed out:
/// the server may have restarted. Asking each time costs a fifth of the throughput.
const PING_AFTER: Duration = Duration::from_secs(1);
/// A connection that nobody used for longer is given up.
const IDLE_AT_MOST: Duration = Duration::from_secs(5 * 60);
/// Server processes grow with what they have seen.
const AGE_AT_MOST: Duration = Duration::from_secs(30 * 60);

/// Pauses between attempts to reach a server that is starting or full.
const RETRY_MIN: Duration = Duration::from_millis(10);
const RETRY_MAX: Duration = Duration::from_millis(320);

/// Longest wait for the answer of a connection that is asked: another one is soon made.
const ANSWERS_WITHIN: Duration = Duration::from_millis(300);

/// What is known of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its last statement was answered, and no transaction is open.
    Quiet,
    /// Something failed or was broken off: it has to be asked.
    Doubtful,
    /// A transaction is open, or may be.
    InTransaction,
    /// It is not to be used again unless the transaction ends.
    Spent,
}

/// A connection and its state, which stay together whatever becomes of who uses them.
pub(super) struct Kept {
    pub(super) connection: PgConnection,
    pub(super) state: State,
}

pub(super) struct Connector {
    options: PgConnectOptions,
}

impl Connector {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self { options }
    }
}

impl Manager for Connector {
    type Type = Kept;
    type Error = sqlx::Error;

    /// Tries until it succeeds while the server is only not ready; whoever waits has a deadline.
    async fn create(&self) -> Result<Kept, sqlx::Error> {
        let mut pause = RETRY_MIN;
        let mut connection = loop {
            match PgConnection::connect_with(&self.options).await {
                Ok(connection) => break connection,
                Err(error) if is_not_ready(&error) => tokio::time::sleep(pause).await,
                Err(error) => return Err(error),
            }
            pause = (pause * 2).min(RETRY_MAX);
        };
        take_application_role(&mut connection).await?;
        Ok(Kept {
            connection,
            state: State::Quiet,
        })
    }

    async fn recycle(&self, kept: &mut Kept, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if kept.state != State::Quiet {
            return Err(RecycleError::message("not at rest"));
        }
        if !is_kept(metrics) {
            return Err(RecycleError::message("too old"));
        }
        if metrics.last_used() > PING_AFTER {
            let answer = timeout(ANSWERS_WITHIN, kept.connection.ping()).await;
            answer.map_err(|_| RecycleError::message("no answer"))??;
        }
        Ok(())
    }
}

/// Whether a connection that rests is worth its server process.
pub(super) fn is_kept(metrics: &Metrics) -> bool {
    metrics.age() <= AGE_AT_MOST && metrics.last_used() <= IDLE_AT_MOST
}

/// Nothing listens yet, or the server says that it cannot now.
fn is_not_ready(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(error) => error.kind() == ErrorKind::ConnectionRefused,
        sqlx::Error::Database(error) => error.is_transient_in_connect_phase(),
        _ => false,
    }
}

/// One URL, even a superuser's, then still works with the withheld rights. Where the login is no
/// member of the role it keeps its own rights, which [`crate::Db::role_report`] judges.
async fn take_application_role(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT set_config('role', rolname, false) FROM pg_roles \
         WHERE rolname = $1 AND pg_has_role(session_user, oid, 'member')",
    )
    .bind(APPLICATION_ROLE)
    .execute(connection)
    .await?;
    Ok(())
}
