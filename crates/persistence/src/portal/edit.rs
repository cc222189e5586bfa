//! What an agent changes of the own account: phone, payout password, primary payout account.

use agent_domain::AgentGuid;
use chrono::{DateTime, Utc};

use crate::{audit::AuditedTx, error::DbError, pool::Pool, tx::Tx};

/// What decides about such a change. Holds hashes and ciphertext: no `Debug`.
pub struct AccountRow {
    pub password_hash: String,
    pub payout_password_hash: Option<String>,
    /// Encrypted.
    pub phone_num: Option<String>,
    /// Given by somebody else, and not proven by a code yet.
    pub phone_unverified: bool,
    /// Bank of the primary payout account.
    pub bank_id: Option<i32>,
    /// Since when payout accounts stay as they are (Q-85).
    pub payout_cooldown_since: Option<DateTime<Utc>>,
}

/// Proof that the row of an active agent is locked until the end of the transaction.
pub struct LockedAgent {
    pub(super) agent: AgentGuid,
    pub row: AccountRow,
}

/// The account of an active agent.
///
/// # Errors
/// The statement failed.
pub async fn account(pool: &Pool, agent: AgentGuid) -> Result<Option<AccountRow>, DbError> {
    let row = sqlx::query_as!(
        AccountRow,
        r#"
        SELECT password_hash, payout_password_hash, phone_num, phone_unverified, bank_id, payout_cooldown_since
        FROM agent WHERE guid = $1 AND status = 'active'
        "#,
        agent.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// As [`account`], under a lock: changes of one account are judged one after the other. Rows that
/// refer to the account do not wait for it. It comes before every other lock but an account's.
///
/// # Errors
/// The statement failed.
pub async fn lock(tx: &mut Tx, agent: AgentGuid) -> Result<Option<LockedAgent>, DbError> {
    let row = sqlx::query_as!(
        AccountRow,
        r#"
        SELECT password_hash, payout_password_hash, phone_num, phone_unverified, bank_id, payout_cooldown_since
        FROM agent WHERE guid = $1 AND status = 'active' FOR NO KEY UPDATE
        "#,
        agent.0,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| LockedAgent { agent, row }))
}

/// A phone about to be bound.
pub struct NewPhone<'a> {
    /// Encrypted in today's form.
    pub stored: &'a str,
    pub index: &'a [u8],
    /// Whether the old owner agreed; if not, payout accounts stay as they are for a while (Q-85).
    pub proven: bool,
}

impl AuditedTx<'_> {
    /// Binds a phone and ends every code and recovery under way: what was sent to the old phone is
    /// good for nothing any more.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_phone(
        &mut self,
        agent: &LockedAgent,
        phone: &NewPhone<'_>,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            WITH codes AS (
                UPDATE agent_recovery SET superseded_at = $5
                WHERE agent_id = $1 AND consumed_at IS NULL AND superseded_at IS NULL
            )
            UPDATE agent
            SET phone_num = $2, phone_bidx = $3, phone_unverified = false, updated_at = $5,
                payout_cooldown_since = CASE WHEN $4 THEN payout_cooldown_since ELSE $5 END
            WHERE guid = $1
            "#,
            agent.agent.0,
            phone.stored,
            phone.index,
            phone.proven,
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }

    /// # Errors
    /// The statement failed.
    pub async fn set_payout_password(
        &mut self,
        agent: &LockedAgent,
        hash: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"UPDATE agent SET payout_password_hash = $2, updated_at = $3 WHERE guid = $1"#,
            agent.agent.0,
            hash,
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }

    /// Makes the primary payout account equal to the default card (Q-83): its bank and number,
    /// encrypted; `None` when no card is left.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_payout_account(
        &mut self,
        agent: &LockedAgent,
        account: Option<(i32, &str)>,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"UPDATE agent SET bank_id = $2, bank_num = $3, updated_at = $4 WHERE guid = $1"#,
            agent.agent.0,
            account.map(|(bank, _)| bank),
            account.map(|(_, number)| number),
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }
}
