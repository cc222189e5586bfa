//! The audit log, and the proof that a change is in it.

use agent_domain::{
    AgentGuid,
    portal::recovery::{RecoveryAction, RecoveryOutcome},
};
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

/// One row of `recovery_audit` (P-184 … P-196): hashes, ids and reasons, never a contact, a code,
/// a token or a password.
#[derive(Clone, Debug)]
pub struct RecoveryEntry<'a> {
    /// `None` where there is no such account.
    pub agent: Option<AgentGuid>,
    /// 0 where no brand was resolved (P-215).
    pub brand_id: i64,
    pub action: RecoveryAction,
    pub outcome: RecoveryOutcome,
    /// SHA-256 of the contact, 64 hex digits (P-193).
    pub contact_hash: Option<&'a str>,
    /// SHA-256 of the source address, 64 hex digits (P-194).
    pub ip_hash: &'a str,
    /// What the flow and the reason were (P-195).
    pub metadata: Value,
    pub at: DateTime<Utc>,
}

pub(crate) async fn insert_recovery(tx: &mut Tx, entry: &RecoveryEntry<'_>) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        INSERT INTO recovery_audit (subject_type, subject_id, brand_id, action, outcome, contact_hash, ip_hash,
                                    metadata, created_at)
        VALUES ('agent', $1, $2, $3, $4, $5, $6, $7, $8)
        "#,
        entry.agent.map(|agent| agent.0),
        entry.brand_id,
        entry.action.as_str(),
        entry.outcome.as_str(),
        entry.contact_hash,
        entry.ip_hash,
        entry.metadata,
        entry.at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Proof that the audit row of a change is part of the transaction. Only [`Tx::audited`] and
/// [`Tx::recovery_audited`] make one, so an unaudited change of a password, or of money, does not compile.
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

    /// Sets a new login password and ends every session of the agent (the token version rises, all
    /// refresh families die) and every code and recovery under way.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_password(
        &mut self,
        agent: AgentGuid,
        password_hash: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        self.replace_password(agent, password_hash, false, at).await
    }

    /// A new password ends sessions, codes and recoveries. A temporary one has to be changed, and for
    /// a while payout accounts stay as they are (Q-85).
    pub(crate) async fn replace_password(
        &mut self,
        agent: AgentGuid,
        password_hash: &str,
        temporary: bool,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            WITH sessions AS (
                UPDATE agent_refresh_token SET revoked_at = $3 WHERE agent_id = $1 AND revoked_at IS NULL
            ), codes AS (
                UPDATE agent_recovery SET superseded_at = $3
                WHERE agent_id = $1 AND consumed_at IS NULL AND superseded_at IS NULL
            )
            UPDATE agent
            SET password_hash = $2, must_change_password = $4, token_version = token_version + 1, updated_at = $3,
                payout_cooldown_since = CASE WHEN $4 THEN $3 ELSE payout_cooldown_since END
            WHERE guid = $1
            "#,
            agent.0,
            password_hash,
            at,
            temporary,
        )
        .execute(self.tx.conn())
        .await?;
        Ok(())
    }
}
