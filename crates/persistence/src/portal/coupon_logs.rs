//! What an agent granted and took back.

use agent_domain::{
    AgentGuid, BrandScope,
    cursor::{Placed, Position, Stretch},
    portal::coupon::CouponStatus,
};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{
    error::DbError,
    rows::{Rows, rows},
    tx::Tx,
};

/// One thing that an agent did with a coupon.
#[derive(Clone, Debug)]
pub struct LogRow {
    pub id: i64,
    pub coupon_id: i64,
    pub player_id: i64,
    pub player_username: String,
    pub template_name: String,
    pub amount: Decimal,
    /// `grant` or `recycle`.
    pub action: String,
    /// Where the coupon is now.
    pub status: String,
    pub reason: Option<String>,
    pub created_at: DateTime<Utc>,
}

impl Placed for LogRow {
    fn position(&self) -> Position {
        Position {
            at: self.created_at,
            id: self.id,
        }
    }
}

/// Which part of the log a list shows.
#[derive(Clone, Copy, Debug)]
pub struct LogFilter {
    pub from: DateTime<Utc>,
    pub until: DateTime<Utc>,
    pub player: Option<i64>,
    /// Only coupons that are in this state now.
    pub status: Option<CouponStatus>,
    /// Only what was taken back.
    pub recycled_only: bool,
}

/// One stretch, newest first. Ask within [`crate::Db::report`]: what is taken back has an index of its
/// own, and so have the coupons of a player; the planner uses them when it knows the filter.
pub fn list<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &LogFilter,
    stretch: Stretch,
) -> Rows<'t, LogRow> {
    let ceiling = stretch.ceiling(filter.until);
    let fetched = sqlx::query_as!(
        LogRow,
        r#"
        SELECT l.id, l.coupon_id, c.player_id, p.username AS player_username, t.name AS template_name, c.amount,
               l.action, c.status, l.reason, l.created_at
        FROM coupon_log l JOIN coupon c ON c.coupon_id = l.coupon_id JOIN player p ON p.player_id = c.player_id
        JOIN coupon_template t ON t.template_id = c.template_id
        WHERE l.agent_id = $1 AND c.brand_id = $2 AND l.created_at >= $3 AND (l.created_at, l.id) < ($4, $5)
          AND ($6::bigint IS NULL OR c.player_id = $6) AND ($7::text IS NULL OR c.status = $7)
          AND (NOT $8 OR l.action = 'recycle')
        ORDER BY l.created_at DESC, l.id DESC LIMIT $9 OFFSET $10
        "#,
        agent.0,
        scope.id().0,
        filter.from,
        ceiling.at,
        ceiling.id,
        filter.player,
        filter.status.map(CouponStatus::as_str),
        filter.recycled_only,
        stretch.limit(),
        stretch.offset(),
    )
    .fetch(tx.conn());
    rows(fetched)
}

/// How many rows the filter matches, counted up to one more than `cap`.
///
/// # Errors
/// The statement failed.
pub async fn count(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &LogFilter,
    cap: i64,
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM coupon_log l JOIN coupon c ON c.coupon_id = l.coupon_id
            WHERE l.agent_id = $1 AND c.brand_id = $2 AND l.created_at >= $3 AND l.created_at < $4
              AND ($5::bigint IS NULL OR c.player_id = $5) AND ($6::text IS NULL OR c.status = $6)
              AND (NOT $7 OR l.action = 'recycle') LIMIT $8) AS counted
        "#,
        agent.0,
        scope.id().0,
        filter.from,
        filter.until,
        filter.player,
        filter.status.map(CouponStatus::as_str),
        filter.recycled_only,
        cap + 1,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}
