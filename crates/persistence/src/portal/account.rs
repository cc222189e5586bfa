//! An agent's account and its ledger. Whoever moves money has locked the account first (Q-95).

use agent_domain::{AgentGuid, BrandId, Currency, portal::withdraw::HoldEffect};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgExecutor;

use crate::{audit::AuditedTx, error::DbError, tx::Tx};

/// An agent's money on one brand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    pub available: Decimal,
    pub frozen: Decimal,
}

/// Proof that the account row is locked until the end of the transaction.
#[derive(Debug)]
pub struct LockedAccount {
    pub(super) agent: AgentGuid,
    pub(super) brand: BrandId,
    pub(super) currency: Currency,
    balance: Balance,
}

impl LockedAccount {
    #[must_use]
    pub fn balance(&self) -> Balance {
        self.balance
    }
}

/// Locks the account; `None` where the agent never had money on the brand.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn lock_account(
    tx: &mut Tx,
    agent: AgentGuid,
    brand: BrandId,
    currency: Currency,
) -> Result<Option<LockedAccount>, DbError> {
    let row = sqlx::query_as!(
        Balance,
        r#"
        SELECT available, frozen FROM agent_account
        WHERE agent_id = $1 AND brand_id = $2 AND currency = $3 FOR UPDATE
        "#,
        agent.0,
        brand.0,
        currency.as_str(),
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|balance| LockedAccount {
        agent,
        brand,
        currency,
        balance,
    }))
}

/// Opens an empty account where there is none, then locks it.
///
/// # Errors
/// The statement failed.
pub async fn open_account(
    tx: &mut Tx,
    agent: AgentGuid,
    brand: BrandId,
    currency: Currency,
) -> Result<LockedAccount, DbError> {
    sqlx::query!(
        r#"INSERT INTO agent_account (agent_id, brand_id, currency) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"#,
        agent.0,
        brand.0,
        currency.as_str(),
    )
    .execute(tx.conn())
    .await?;
    lock_account(tx, agent, brand, currency)
        .await?
        .ok_or_else(|| DbError::inconsistent("agent_account"))
}

/// A movement of money on a locked account.
#[derive(Clone, Debug)]
pub struct Movement<'a> {
    /// `agent_ledger.kind`.
    pub kind: &'static str,
    pub amount: Decimal,
    pub available_delta: Decimal,
    pub frozen_delta: Decimal,
    /// With `ref_id`, makes the movement happen once whatever is repeated.
    pub ref_type: &'static str,
    pub ref_id: &'a str,
    pub at: DateTime<Utc>,
}

impl<'a> Movement<'a> {
    /// Holds the amount of a new order.
    #[must_use]
    pub fn hold(amount: Decimal, order: &'a str, at: DateTime<Utc>) -> Self {
        Self::of_order("withdraw_hold", -amount, -amount, amount, order, at)
    }

    /// What a move of an order does to its hold; `None` when it stays.
    #[must_use]
    pub fn of_effect(
        effect: HoldEffect,
        amount: Decimal,
        order: &'a str,
        at: DateTime<Utc>,
    ) -> Option<Self> {
        match effect {
            HoldEffect::Keep => None,
            HoldEffect::Release => Some(Self::of_order(
                "withdraw_release",
                amount,
                amount,
                -amount,
                order,
                at,
            )),
            HoldEffect::Settle => Some(Self::of_order(
                "withdraw_paid",
                -amount,
                Decimal::ZERO,
                -amount,
                order,
                at,
            )),
        }
    }

    fn of_order(
        kind: &'static str,
        amount: Decimal,
        available_delta: Decimal,
        frozen_delta: Decimal,
        order: &'a str,
        at: DateTime<Utc>,
    ) -> Self {
        Self {
            kind,
            amount,
            available_delta,
            frozen_delta,
            ref_type: "withdraw",
            ref_id: order,
            at,
        }
    }
}

impl AuditedTx<'_> {
    /// Moves money on a locked account and writes the ledger entry of it, in one statement.
    ///
    /// # Errors
    /// The statement failed, among others because the balance would become negative or the same
    /// movement was made before.
    pub async fn move_money(
        &mut self,
        account: &mut LockedAccount,
        movement: &Movement<'_>,
    ) -> Result<Balance, DbError> {
        let balance = sqlx::query_as!(
            Balance,
            r#"
            WITH moved AS (
                UPDATE agent_account
                SET available = available + $4, frozen = frozen + $5, version = version + 1
                WHERE agent_id = $1 AND brand_id = $2 AND currency = $3
                RETURNING available, frozen
            )
            INSERT INTO agent_ledger (agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta,
                                      available_after, frozen_after, ref_type, ref_id, created_at)
            SELECT $1, $2, $3, $6, $7, $4, $5, available, frozen, $8, $9, $10 FROM moved
            RETURNING available_after AS available, frozen_after AS frozen
            "#,
            account.agent.0,
            account.brand.0,
            account.currency.as_str(),
            movement.available_delta,
            movement.frozen_delta,
            movement.kind,
            movement.amount,
            movement.ref_type,
            movement.ref_id,
            movement.at,
        )
        .fetch_one(self.tx().conn())
        .await?;
        account.balance = balance;
        Ok(balance)
    }
}

/// How many accounts differ from the sum of their ledger: always 0.
///
/// # Errors
/// The statement failed.
pub async fn ledger_mismatches(db: impl PgExecutor<'_>) -> Result<i64, DbError> {
    let mismatches = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM agent_account a
        LEFT JOIN (SELECT agent_id, brand_id, currency, sum(available_delta) AS available, sum(frozen_delta) AS frozen
                   FROM agent_ledger GROUP BY agent_id, brand_id, currency) l
            USING (agent_id, brand_id, currency)
        WHERE a.available <> coalesce(l.available, 0) OR a.frozen <> coalesce(l.frozen, 0)
        "#
    )
    .fetch_one(db)
    .await?;
    Ok(mismatches)
}
