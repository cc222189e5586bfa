//! A transaction as a value that is passed on and consumed.

use sqlx::PgConnection;

use crate::{
    audit::{self, AuditEntry, AuditedTx, RecoveryEntry},
    error::DbError,
    pool::{Loan, Pool},
};

/// An open transaction. Dropping it rolls back, and nobody waits for that: the way to end one that
/// only read.
pub struct Tx {
    loan: Loan,
    events: usize,
}

/// What a committed transaction left behind.
#[must_use = "whoever commits events has to wake the relay"]
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// Events appended to the outbox.
    pub events: usize,
}

impl Tx {
    pub(crate) async fn begin(pool: &Pool, statement: impl Into<String>) -> Result<Self, DbError> {
        let mut loan = pool.lend().await?;
        loan.begin(statement.into()).await?;
        Ok(Self { loan, events: 0 })
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        self.loan.connection()
    }

    /// Dropped before its end, its connection is closed and not given back.
    pub(crate) fn close_unless_ended(&mut self) {
        self.loan.close_unless_ended();
    }

    pub(crate) fn count_event(&mut self) {
        self.events += 1;
    }

    /// Inserts the audit row and, because it is there, allows the changes that demand one. If the
    /// insert fails, no change can follow in this transaction.
    ///
    /// # Errors
    /// The audit row cannot be written.
    pub async fn audited(&mut self, entry: &AuditEntry<'_>) -> Result<AuditedTx<'_>, DbError> {
        audit::insert(self, entry).await?;
        Ok(AuditedTx::new(self))
    }

    /// As [`Self::audited`], for an outcome of recovery (P-197).
    ///
    /// # Errors
    /// The audit row cannot be written.
    pub async fn recovery_audited(
        &mut self,
        entry: &RecoveryEntry<'_>,
    ) -> Result<AuditedTx<'_>, DbError> {
        audit::insert_recovery(self, entry).await?;
        Ok(AuditedTx::new(self))
    }

    /// # Errors
    /// The commit failed; its fate is unknown when the connection broke.
    pub async fn commit(self) -> Result<Committed, DbError> {
        self.loan.end("COMMIT").await?;
        Ok(Committed {
            events: self.events,
        })
    }

    /// # Errors
    /// The connection broke; the server rolls back by itself.
    pub async fn rollback(self) -> Result<(), DbError> {
        Ok(self.loan.end("ROLLBACK").await?)
    }
}
