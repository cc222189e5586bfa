//! Withdrawal orders: what decides about a new one, the order itself, an agent's history.

use agent_domain::{
    AgentGuid, BrandScope, CardId, WithdrawNo,
    cursor::{Placed, Position, Stretch},
    page::DayRange,
    portal::withdraw::{Quote, WithdrawStatus, WithdrawTerms},
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::account::{Balance, LockedAccount};
use crate::{
    audit::AuditedTx,
    error::DbError,
    pool::Pool,
    rows::{Rows, rows},
    tx::Tx,
};

/// The payout card that an order would use; number and holder are ciphertext.
pub struct PayoutCard {
    pub id: CardId,
    pub bank_id: i32,
    pub bank_name: String,
    pub card_number: String,
    pub card_last4: String,
    pub holder_name: String,
    pub created_at: DateTime<Utc>,
}

/// The terms that a statement read for one agent on one brand.
macro_rules! terms {
    ($row:expr, $scope:expr) => {
        WithdrawTerms {
            currency: $scope.brand().currency,
            min_amount: $row.min_amount,
            max_amount: $row.max_amount,
            fee_rate: $row.fee_rate,
            fee_fixed: $row.fee_fixed,
            daily_count: $row.daily_count,
            max_open: $row.max_open,
        }
    };
}

/// Everything that decides whether an order may be made.
pub struct OrderFacts {
    pub terms: WithdrawTerms,
    pub open_orders: i64,
    pub orders_today: i64,
    pub card: Option<PayoutCard>,
    /// Since when nothing is paid to a younger card (Q-85).
    pub payout_cooldown_since: Option<DateTime<Utc>>,
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
               c.card_last4::text AS "card_last4?", c.holder_name AS "holder_name?", c.created_at AS "card_created_at?",
               (SELECT a.payout_cooldown_since FROM agent a WHERE a.guid = $1) AS payout_cooldown_since
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
        row.card_created_at,
    ) {
        (
            Some(id),
            Some(bank_id),
            Some(bank_name),
            Some(card_number),
            Some(card_last4),
            Some(holder_name),
            Some(created_at),
        ) => Some(PayoutCard {
            id: CardId(id),
            bank_id,
            bank_name,
            card_number,
            card_last4,
            holder_name,
            created_at,
        }),
        _ => None,
    };
    Ok(OrderFacts {
        terms: terms!(row, scope),
        open_orders: row.open_orders,
        orders_today: row.orders_today,
        card,
        payout_cooldown_since: row.payout_cooldown_since,
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

impl Placed for OrderRow {
    fn position(&self) -> Position {
        Position {
            at: self.created_at,
            id: self.guid,
        }
    }
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
    pool: &Pool,
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
        terms: terms!(row, scope),
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
    pool: &Pool,
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
    pool: &Pool,
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

impl OrderFilter {
    /// Orders of some days of the brand.
    #[must_use]
    pub fn new(scope: &BrandScope, days: DayRange, status: Option<WithdrawStatus>) -> Self {
        let (from, until) = days.instants(scope.brand().timezone);
        Self {
            from,
            until,
            status,
        }
    }
}

/// One stretch of orders, newest first.
pub fn list<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &OrderFilter,
    stretch: Stretch,
) -> Rows<'t, OrderRow> {
    let ceiling = stretch.ceiling(filter.until);
    let fetched = sqlx::query_as!(
        OrderRow,
        r#"
        SELECT guid, withdraw_no, currency::text AS "currency!", amount, fee, net_amount, bank_name,
               card_last4::text AS "card_last4!", status, reject_reason, remark, created_at, reviewed_at, paid_at
        FROM agent_withdraw
        WHERE agent_id = $1 AND brand_id = $2 AND created_at >= $3 AND (created_at, guid) < ($4, $5)
          AND ($6::text IS NULL OR status = $6)
        ORDER BY created_at DESC, guid DESC LIMIT $7 OFFSET $8
        "#,
        agent.0,
        scope.id().0,
        filter.from,
        ceiling.at,
        ceiling.id,
        filter.status.map(WithdrawStatus::as_str),
        stretch.limit(),
        stretch.offset(),
    )
    .fetch(tx.conn());
    rows(fetched)
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
