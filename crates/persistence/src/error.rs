//! What can go wrong with Postgres, sorted by what the caller can do about it.

use std::fmt;

use agent_domain::Problem;

/// A failed statement. `Display` names the SQLSTATE, table and constraint, never a value of a row:
/// Postgres repeats values in its messages of classes 22 and 23, and those may be PII.
#[derive(Debug)]
pub struct DbError {
    kind: DbErrorKind,
    description: String,
    constraint: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DbErrorKind {
    /// The database cannot be reached, is starting, full, read-only, or has no free connection.
    Unavailable,
    /// Deadlock or serialization failure: the whole transaction may be tried again.
    Retryable,
    /// A named constraint refused the row.
    Constraint,
    /// The row does not hold what its column promises.
    Inconsistent,
    /// A fault of ours.
    Other,
}

impl DbError {
    #[must_use]
    pub fn kind(&self) -> DbErrorKind {
        self.kind
    }

    /// Whether a named constraint refused the row.
    #[must_use]
    pub fn is_constraint(&self, name: &str) -> bool {
        self.constraint.as_deref() == Some(name)
    }

    /// A stored value that its column should not hold, e.g. an unknown status. Names the column,
    /// not the value.
    #[must_use]
    pub fn inconsistent(column: &'static str) -> Self {
        Self {
            kind: DbErrorKind::Inconsistent,
            description: format!("inconsistent value in {column}"),
            constraint: None,
        }
    }

    fn plain(kind: DbErrorKind, description: impl Into<String>) -> Self {
        Self {
            kind,
            description: description.into(),
            constraint: None,
        }
    }

    fn from_server(error: &dyn sqlx::error::DatabaseError) -> Self {
        let state = error.code().unwrap_or_default().into_owned();
        let kind = kind_of_state(&state, error.constraint().is_some());
        let table = error.table().unwrap_or("-");
        let constraint = error.constraint().unwrap_or("-");
        let mut description = format!("SQLSTATE {state} table {table} constraint {constraint}");
        if !matches!(state.get(..2), Some("22" | "23")) {
            description = format!("{description}: {}", error.message());
        }
        Self {
            kind,
            description,
            constraint: error.constraint().map(str::to_owned),
        }
    }
}

/// SQLSTATE classes: PostgreSQL manual, appendix A.
fn kind_of_state(state: &str, has_constraint: bool) -> DbErrorKind {
    match state {
        "40001" | "40P01" => DbErrorKind::Retryable,
        // lock_not_available, query_canceled (statement timeout), read_only_sql_transaction
        "55P03" | "57014" | "25006" | "25P03" => DbErrorKind::Unavailable,
        _ => match state.get(..2) {
            Some("08" | "53" | "57" | "58") => DbErrorKind::Unavailable,
            Some("23") if has_constraint => DbErrorKind::Constraint,
            _ => DbErrorKind::Other,
        },
    }
}

impl From<sqlx::Error> for DbError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error as E;
        match error {
            E::Database(error) => Self::from_server(error.as_ref()),
            E::PoolTimedOut => Self::plain(DbErrorKind::Unavailable, "no free connection in time"),
            E::PoolClosed => Self::plain(DbErrorKind::Unavailable, "the pool is closed"),
            E::Io(error) => Self::plain(
                DbErrorKind::Unavailable,
                format!("connection: {}", error.kind()),
            ),
            E::Tls(_) => Self::plain(DbErrorKind::Unavailable, "connection: TLS failed"),
            E::Protocol(_) => Self::plain(DbErrorKind::Unavailable, "connection: protocol broken"),
            E::RowNotFound => Self::plain(DbErrorKind::Other, "a row that must exist is missing"),
            E::ColumnDecode { index, .. } => Self::plain(
                DbErrorKind::Inconsistent,
                format!("cannot read column {index}"),
            ),
            E::Migrate(error) => Self::plain(DbErrorKind::Other, format!("migration: {error}")),
            // The remaining kinds describe code, not rows; their text holds no value.
            other => Self::plain(DbErrorKind::Other, other.to_string()),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for DbError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        match error {
            sqlx::migrate::MigrateError::Execute(error) => error.into(),
            other => Self::plain(DbErrorKind::Other, format!("migration: {other}")),
        }
    }
}

impl fmt::Display for DbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description)
    }
}

impl std::error::Error for DbError {}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Self {
        match error.kind {
            DbErrorKind::Unavailable | DbErrorKind::Retryable => Self::unavailable(error),
            _ => Self::internal(error),
        }
    }
}
