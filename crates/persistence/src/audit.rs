//! The audit log, and the proof that a change is in it.

use agent_domain::AgentGuid;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{error::DbError, tx::Tx};

/// One row of `admin_audit`. Values hold hashes, ids and last digits only (P-222).
#[derive(Clone, Debug)]
pub struct AuditEntry<'a> {
    /// `agent:<guid>` for an agent (P-217), else an operator's name.
    pub operator_id: &'a str,
    pub resource: &'static str,
    pub resource_id: String,
    pub action: &'static str,
    /// 0 where no brand was resolved (Q-73).
    pub brand_id: i64,
    pub old_value: Option<Value>,
    pub new_value: Option<Value>,
    pub at: DateTime<Utc>,
}

pub(crate) async fn insert(tx: &mut Tx, entry: &AuditEntry<'_>) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        INSERT INTO admin_audit (operator_id, resource, resource_id, action, brand_id, old_value, new_value, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        entry.operator_id,
        entry.resource,
        entry.resource_id,
        entry.action,
        entry.brand_id,
        entry.old_value,
        entry.new_value,
        entry.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Proof that the audit row of a change is part of the transaction. Only [`Tx::audited`] makes
/// one, so an unaudited change of a password, or of money, does not compile.
pub struct AuditedTx<'t> {
    tx: &'t mut Tx,
}

impl<'t> AuditedTx<'t> {
    pub(crate) fn new(tx: &'t mut Tx) -> Self {
        Self { tx }
    }

    pub(crate) fn tx(&mut self) -> &mut Tx {
        self.tx
    }

    /// Sets a new login password and ends every session of the agent: the token version rises and
    /// all refresh families die.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_password(
        &mut self,
        agent: AgentGuid,
        password_hash: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            WITH sessions AS (
                UPDATE agent_refresh_token SET revoked_at = $3 WHERE agent_id = $1 AND revoked_at IS NULL
            )
            UPDATE agent
            SET password_hash = $2, must_change_password = false, token_version = token_version + 1, updated_at = $3
            WHERE guid = $1
            "#,
            agent.0,
            password_hash,
            at,
        )
        .execute(self.tx.conn())
        .await?;
        Ok(())
    }
}
