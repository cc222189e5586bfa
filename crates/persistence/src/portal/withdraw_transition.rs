//! Moving an order on: whose it is, its lock, its new state (Q-82).

use agent_domain::{AgentGuid, BrandId, Currency, WithdrawNo, portal::withdraw::WithdrawStatus};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use super::account::LockedAccount;
use crate::{audit::AuditedTx, error::DbError, tx::Tx};

/// An order under a row lock, with what moving it on needs.
#[derive(Clone, Debug)]
pub struct LockedOrder {
    pub guid: i64,
    pub amount: Decimal,
    pub status: WithdrawStatus,
}

/// Whose account an order draws on. Never changes, so it is read without a lock.
#[derive(Clone, Copy, Debug)]
pub struct OrderOwner {
    pub agent: AgentGuid,
    pub brand: BrandId,
    pub currency: Currency,
}

/// # Errors
/// The statement failed.
pub async fn owner(tx: &mut Tx, number: &WithdrawNo) -> Result<Option<OrderOwner>, DbError> {
    let row = sqlx::query!(
        r#"SELECT agent_id, brand_id, currency::text AS "currency!" FROM agent_withdraw WHERE withdraw_no = $1"#,
        number.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(OrderOwner {
            agent: AgentGuid(row.agent_id),
            brand: BrandId(row.brand_id),
            currency: row
                .currency
                .parse()
                .map_err(|_| DbError::inconsistent("agent_withdraw.currency"))?,
        })
    })
    .transpose()
}

/// Locks an order of a locked account.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn lock_order(
    tx: &mut Tx,
    account: &LockedAccount,
    number: &WithdrawNo,
) -> Result<Option<LockedOrder>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT guid, amount, status FROM agent_withdraw
        WHERE withdraw_no = $1 AND agent_id = $2 AND brand_id = $3 FOR UPDATE
        "#,
        number.as_str(),
        account.agent.0,
        account.brand.0,
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| {
        Ok(LockedOrder {
            guid: row.guid,
            amount: row.amount,
            status: WithdrawStatus::parse(&row.status)
                .ok_or_else(|| DbError::inconsistent("agent_withdraw.status"))?,
        })
    })
    .transpose()
}

impl AuditedTx<'_> {
    /// Writes the new state of a locked order.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_status(
        &mut self,
        order: &LockedOrder,
        to: WithdrawStatus,
        actor: &str,
        reason: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let reviewed = matches!(to, WithdrawStatus::Approved | WithdrawStatus::Rejected);
        sqlx::query!(
            r#"
            UPDATE agent_withdraw
            SET status = $2,
                reject_reason = CASE WHEN $2 = 'rejected' THEN $3 ELSE reject_reason END,
                reviewed_by = CASE WHEN $4 THEN $5 ELSE reviewed_by END,
                reviewed_at = CASE WHEN $4 THEN $6 ELSE reviewed_at END,
                paid_at = CASE WHEN $2 = 'paid' THEN $6 ELSE paid_at END
            WHERE guid = $1
            "#,
            order.guid,
            to.as_str(),
            reason,
            reviewed,
            actor,
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }
}
