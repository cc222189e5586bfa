//! Withdrawals, the account they draw on, and its ledger. Every function that moves money works
//! in a transaction that has locked the account (Q-95).

use agent_domain::{
    AgentGuid, BrandId, BrandScope, CardId, Currency, WithdrawNo,
    page::PageRequest,
    portal::withdraw::{HoldEffect, Quote, WithdrawStatus, WithdrawTerms},
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgPool;

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
    agent: AgentGuid,
    brand: BrandId,
    currency: Currency,
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

/// The payout card that an order would use; number and holder are ciphertext.
pub struct PayoutCard {
    pub id: CardId,
    pub bank_id: i32,
    pub bank_name: String,
    pub card_number: String,
    pub card_last4: String,
    pub holder_name: String,
}

/// Everything that decides whether an order may be made.
pub struct OrderFacts {
    pub terms: WithdrawTerms,
    pub open_orders: i64,
    pub orders_today: i64,
    pub card: Option<PayoutCard>,
}

/// Reads the facts in one statement. Call it after the account lock: only then do the counts hold.
///
/// # Errors
/// The statement failed.
pub async fn order_facts(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    card: CardId,
    day: (DateTime<Utc>, DateTime<Utc>),
    default_max_open: i64,
) -> Result<OrderFacts, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT coalesce(s.min_withdrawal_limit, b.withdraw_min) AS "min_amount!",
               coalesce(s.max_withdrawal_limit, b.withdraw_max) AS "max_amount!",
               coalesce(s.withdraw_fee_rate, b.withdraw_fee_rate) AS "fee_rate!",
               b.withdraw_fee_fixed AS fee_fixed,
               coalesce(s.daily_withdraw_count, b.daily_withdraw_count)::bigint AS daily_count,
               coalesce(s.max_open_withdrawals, $6::bigint) AS "max_open!",
               (SELECT count(*) FROM agent_withdraw w WHERE w.agent_id = $1 AND w.brand_id = $2
                  AND w.status IN ('pending', 'reviewing')) AS "open_orders!",
               (SELECT count(*) FROM agent_withdraw w WHERE w.agent_id = $1 AND w.brand_id = $2
                  AND w.created_at >= $4 AND w.created_at < $5
                  AND w.status NOT IN ('cancelled', 'rejected')) AS "orders_today!",
               c.id AS "card_id?", c.bank_id AS "bank_id?", k.name AS "bank_name?", c.card_number AS "card_number?",
               c.card_last4::text AS "card_last4?", c.holder_name AS "holder_name?"
        FROM brand b
        LEFT JOIN agent_setting s ON s.brand_id = b.brand_id AND s.agent_id = $1
        LEFT JOIN agent_bank_card c ON c.id = $3 AND c.agent_id = $1 AND c.deleted_at IS NULL
        LEFT JOIN bank k ON k.bank_id = c.bank_id
        WHERE b.brand_id = $2
        "#,
        agent.0,
        scope.id().0,
        card.0,
        day.0,
        day.1,
        default_max_open,
    )
    .fetch_one(tx.conn())
    .await?;
    let card = match (
        row.card_id,
        row.bank_id,
        row.bank_name,
        row.card_number,
        row.card_last4,
        row.holder_name,
    ) {
        (
            Some(id),
            Some(bank_id),
            Some(bank_name),
            Some(card_number),
            Some(card_last4),
            Some(holder_name),
        ) => Some(PayoutCard {
            id: CardId(id),
            bank_id,
            bank_name,
            card_number,
            card_last4,
            holder_name,
        }),
        _ => None,
    };
    Ok(OrderFacts {
        terms: WithdrawTerms {
            currency: scope.brand().currency,
            min_amount: row.min_amount,
            max_amount: row.max_amount,
            fee_rate: row.fee_rate,
            fee_fixed: row.fee_fixed,
            daily_count: row.daily_count,
            max_open: row.max_open,
        },
        open_orders: row.open_orders,
        orders_today: row.orders_today,
        card,
    })
}

/// The number of the next order.
///
/// # Errors
/// The statement failed.
pub async fn next_number(tx: &mut Tx, day: NaiveDate) -> Result<WithdrawNo, DbError> {
    let sequence = sqlx::query_scalar!(r#"SELECT nextval('agent_withdraw_no_seq') AS "next!""#)
        .fetch_one(tx.conn())
        .await?;
    Ok(WithdrawNo::new(day, sequence))
}

/// An order about to be stored.
pub struct NewOrder<'a> {
    pub withdraw_no: &'a WithdrawNo,
    pub quote: Quote,
    pub card: &'a PayoutCard,
    /// The card's number and holder, encrypted in today's form.
    pub card_number: &'a str,
    pub holder_name: &'a str,
    pub remark: Option<&'a str>,
    pub ip_hash: &'a str,
    pub at: DateTime<Utc>,
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

/// An order as its owner sees it.
#[derive(Clone, Debug)]
pub struct OrderRow {
    pub guid: i64,
    pub withdraw_no: String,
    pub currency: String,
    pub amount: Decimal,
    pub fee: Decimal,
    pub net_amount: Decimal,
    pub bank_name: String,
    pub card_last4: String,
    pub status: String,
    pub reject_reason: Option<String>,
    pub remark: Option<String>,
    pub created_at: DateTime<Utc>,
    pub reviewed_at: Option<DateTime<Utc>>,
    pub paid_at: Option<DateTime<Utc>>,
}

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
    /// Stores a new pending order.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn insert_order(
        &mut self,
        account: &LockedAccount,
        order: &NewOrder<'_>,
    ) -> Result<i64, DbError> {
        let guid = sqlx::query_scalar!(
            r#"
            INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, card_id,
                                        bank_id, bank_name, card_number, card_last4, holder_name, remark, status,
                                        requested_ip_hash, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 'pending', $15, $16)
            RETURNING guid
            "#,
            order.withdraw_no.as_str(),
            account.agent.0,
            account.brand.0,
            account.currency.as_str(),
            order.quote.amount,
            order.quote.fee,
            order.quote.net_amount,
            order.card.id.0,
            order.card.bank_id,
            order.card.bank_name,
            order.card_number,
            order.card.card_last4,
            order.holder_name,
            order.remark,
            order.ip_hash,
            order.at,
        )
        .fetch_one(self.tx().conn())
        .await?;
        Ok(guid)
    }

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

/// What the withdrawal form shows.
#[derive(Clone, Debug)]
pub struct FormFacts {
    pub balance: Balance,
    pub terms: WithdrawTerms,
    pub orders_today: i64,
    pub payout_password_set: bool,
    /// The open order, if any.
    pub pending: Option<String>,
}

/// # Errors
/// The statement failed.
pub async fn form_facts(
    pool: &PgPool,
    scope: &BrandScope,
    agent: AgentGuid,
    day: (DateTime<Utc>, DateTime<Utc>),
    default_max_open: i64,
) -> Result<FormFacts, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT coalesce(s.min_withdrawal_limit, b.withdraw_min) AS "min_amount!",
               coalesce(s.max_withdrawal_limit, b.withdraw_max) AS "max_amount!",
               coalesce(s.withdraw_fee_rate, b.withdraw_fee_rate) AS "fee_rate!",
               b.withdraw_fee_fixed AS fee_fixed,
               coalesce(s.daily_withdraw_count, b.daily_withdraw_count)::bigint AS daily_count,
               coalesce(s.max_open_withdrawals, $6::bigint) AS "max_open!",
               coalesce(acc.available, 0) AS "available!", coalesce(acc.frozen, 0) AS "frozen!",
               a.payout_password_hash IS NOT NULL AS "payout_password_set!",
               (SELECT w.withdraw_no FROM agent_withdraw w WHERE w.agent_id = $1 AND w.brand_id = $2
                  AND w.status IN ('pending', 'reviewing') ORDER BY w.guid DESC LIMIT 1) AS pending,
               (SELECT count(*) FROM agent_withdraw w WHERE w.agent_id = $1 AND w.brand_id = $2
                  AND w.created_at >= $4 AND w.created_at < $5
                  AND w.status NOT IN ('cancelled', 'rejected')) AS "orders_today!"
        FROM brand b
        JOIN agent a ON a.guid = $1
        LEFT JOIN agent_setting s ON s.brand_id = b.brand_id AND s.agent_id = $1
        LEFT JOIN agent_account acc ON acc.agent_id = $1 AND acc.brand_id = b.brand_id AND acc.currency = $3
        WHERE b.brand_id = $2
        "#,
        agent.0,
        scope.id().0,
        scope.brand().currency.as_str(),
        day.0,
        day.1,
        default_max_open,
    )
    .fetch_one(pool)
    .await?;
    Ok(FormFacts {
        balance: Balance {
            available: row.available,
            frozen: row.frozen,
        },
        terms: WithdrawTerms {
            currency: scope.brand().currency,
            min_amount: row.min_amount,
            max_amount: row.max_amount,
            fee_rate: row.fee_rate,
            fee_fixed: row.fee_fixed,
            daily_count: row.daily_count,
            max_open: row.max_open,
        },
        orders_today: row.orders_today,
        payout_password_set: row.payout_password_set,
        pending: row.pending,
    })
}

/// The agent's payout password hash, if one is set.
///
/// # Errors
/// The statement failed.
pub async fn payout_password_hash(
    pool: &PgPool,
    agent: AgentGuid,
) -> Result<Option<String>, DbError> {
    let hash = sqlx::query_scalar!(
        r#"SELECT payout_password_hash FROM agent WHERE guid = $1"#,
        agent.0
    )
    .fetch_optional(pool)
    .await?;
    Ok(hash.flatten())
}

/// One of the agent's own orders on the brand.
///
/// # Errors
/// The statement failed.
pub async fn order(
    pool: &PgPool,
    scope: &BrandScope,
    agent: AgentGuid,
    number: &WithdrawNo,
) -> Result<Option<OrderRow>, DbError> {
    let row = sqlx::query_as!(
        OrderRow,
        r#"
        SELECT guid, withdraw_no, currency::text AS "currency!", amount, fee, net_amount, bank_name,
               card_last4::text AS "card_last4!", status, reject_reason, remark, created_at, reviewed_at, paid_at
        FROM agent_withdraw WHERE withdraw_no = $1 AND agent_id = $2 AND brand_id = $3
        "#,
        number.as_str(),
        agent.0,
        scope.id().0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// Which orders a list shows.
#[derive(Clone, Copy, Debug)]
pub struct OrderFilter {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub status: Option<WithdrawStatus>,
}

/// One page of orders, newest first.
///
/// # Errors
/// The statement failed.
pub async fn list(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &OrderFilter,
    page: PageRequest,
) -> Result<Vec<OrderRow>, DbError> {
    let rows = sqlx::query_as!(
        OrderRow,
        r#"
        SELECT guid, withdraw_no, currency::text AS "currency!", amount, fee, net_amount, bank_name,
               card_last4::text AS "card_last4!", status, reject_reason, remark, created_at, reviewed_at, paid_at
        FROM agent_withdraw
        WHERE agent_id = $1 AND brand_id = $2 AND created_at >= $3 AND created_at < $4
          AND ($5::text IS NULL OR status = $5)
        ORDER BY created_at DESC, guid DESC LIMIT $6 OFFSET $7
        "#,
        agent.0,
        scope.id().0,
        filter.from,
        filter.until,
        filter.status.map(WithdrawStatus::as_str),
        page.size,
        page.offset(),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Count and amount of the orders of one state.
#[derive(Clone, Debug)]
pub struct StatusTotal {
    pub status: String,
    pub count: i64,
    pub amount: Decimal,
}

/// Totals over the whole filter, not the page.
///
/// # Errors
/// The statement failed.
pub async fn totals(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &OrderFilter,
) -> Result<Vec<StatusTotal>, DbError> {
    let rows = sqlx::query_as!(
        StatusTotal,
        r#"
        SELECT status, count(*) AS "count!", sum(amount) AS "amount!"
        FROM agent_withdraw
        WHERE agent_id = $1 AND brand_id = $2 AND created_at >= $3 AND created_at < $4
          AND ($5::text IS NULL OR status = $5)
        GROUP BY status ORDER BY status
        "#,
        agent.0,
        scope.id().0,
        filter.from,
        filter.until,
        filter.status.map(WithdrawStatus::as_str),
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many accounts differ from the sum of their ledger: always 0.
///
/// # Errors
/// The statement failed.
pub async fn ledger_mismatches(pool: &PgPool) -> Result<i64, DbError> {
    let mismatches = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM agent_account a
        LEFT JOIN (SELECT agent_id, brand_id, currency, sum(available_delta) AS available, sum(frozen_delta) AS frozen
                   FROM agent_ledger GROUP BY agent_id, brand_id, currency) l
            USING (agent_id, brand_id, currency)
        WHERE a.available <> coalesce(l.available, 0) OR a.frozen <> coalesce(l.frozen, 0)
        "#
    )
    .fetch_one(pool)
    .await?;
    Ok(mismatches)
}
