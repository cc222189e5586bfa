//! One player below an agent: who it is, what it did day by day, which coupons it has.

use agent_domain::{
    AgentGuid, BrandScope,
    cursor::{Placed, Position, Stretch},
    page::DayRange,
    portal::coupon::CouponStatus,
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use super::{downline::OwnedPlayer, player_life::with_life};
use crate::{
    error::DbError,
    pool::Pool,
    rows::{Rows, rows},
    tx::Tx,
};

/// A player, and all that it ever did for the agent who asks and those below: money from the time
/// when it belonged to somebody else is not theirs to see. For a player who never did, deposits and
/// withdrawals are the totals that are kept with the player.
#[derive(Clone, Debug)]
pub struct PlayerDetail {
    pub player_id: i64,
    pub username: String,
    pub agent_guid: i64,
    pub agent_username: String,
    pub status: String,
    pub tags: Vec<String>,
    pub registered_at: DateTime<Utc>,
    pub first_deposit_at: Option<DateTime<Utc>>,
    pub last_login_at: Option<DateTime<Utc>>,
    /// Host on which the player registered.
    pub attribution_domain: Option<String>,
    /// Since when the player is this agent's.
    pub attributed_at: Option<DateTime<Utc>>,
    pub deposit_amount: Decimal,
    pub withdraw_amount: Decimal,
    pub bet_amount: Decimal,
    pub valid_bet_amount: Decimal,
    pub win_amount: Decimal,
    pub bonus_amount: Decimal,
    /// What the house keeps: bets less wins, bonuses, fees and royalties.
    pub ngr: Decimal,
}

/// `None` when the player is gone since the proof was made.
///
/// # Errors
/// The statement failed.
pub async fn detail(
    pool: &Pool,
    asking: AgentGuid,
    player: OwnedPlayer,
) -> Result<Option<PlayerDetail>, DbError> {
    let row = with_life!(
        query_as(PlayerDetail,),
        r#"
        SELECT p.player_id, p.username, d.guid AS agent_guid, d.username AS agent_username, p.status, p.tags,
               p.registered_at, p.first_deposit_at, p.last_login_at,
               p.attribution ->> 'domain' AS attribution_domain, p.attributed_at,
               life.deposit_amount AS "deposit_amount!", life.withdraw_amount AS "withdraw_amount!",
               did.bet_amount AS "bet_amount!", did.valid_bet_amount AS "valid_bet_amount!",
               did.win_amount AS "win_amount!", did.bonus_amount AS "bonus_amount!", did.ngr AS "ngr!"
        FROM player p JOIN agent d ON d.guid = p.agent_id JOIN agent a ON a.guid = $1
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(s.bet_amount), 0) AS bet_amount,
                   coalesce(sum(s.valid_bet_amount), 0) AS valid_bet_amount,
                   coalesce(sum(s.win_amount), 0) AS win_amount,
                   coalesce(sum(s.bonus_amount), 0) AS bonus_amount,
                   coalesce(sum(s.bet_amount - s.win_amount - s.bonus_amount - s.fee_amount - s.royalty_amount), 0) AS ngr
            FROM player_stat_daily s JOIN agent o ON o.guid = s.agent_id
            WHERE s.player_id = p.player_id AND s.brand_id = p.brand_id AND starts_with(o.path, a.path)) AS did
        "#,
        "WHERE p.player_id = $2",
        asking.0,
        player.id(),
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// What a player did on a calendar day of the brand.
#[derive(Clone, Copy, Debug)]
pub struct PlayerDay {
    pub date: NaiveDate,
    pub sums: DaySums,
}

/// Money in and out, and bets.
#[derive(Clone, Copy, Debug, Default)]
pub struct DaySums {
    pub deposit_amount: Decimal,
    pub deposit_count: i64,
    pub withdraw_amount: Decimal,
    pub withdraw_count: i64,
    pub bet_amount: Decimal,
    pub bet_count: i64,
    pub valid_bet_amount: Decimal,
    pub win_amount: Decimal,
    pub bonus_amount: Decimal,
    pub ngr: Decimal,
}

/// The days of a range on which something happened, newest first; those on which the player was
/// neither the asking agent's nor that of one below are left out, and so is every other provider
/// where one is named.
///
/// # Errors
/// The statement failed.
pub async fn days(
    pool: &Pool,
    asking: AgentGuid,
    player: OwnedPlayer,
    provider: Option<i32>,
    days: DayRange,
) -> Result<Vec<PlayerDay>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT s.stat_date, sum(s.deposit_amount) AS "deposit_amount!", sum(s.deposit_count) AS "deposit_count!",
               sum(s.withdraw_amount) AS "withdraw_amount!", sum(s.withdraw_count) AS "withdraw_count!",
               sum(s.bet_amount) AS "bet_amount!", sum(s.bet_count) AS "bet_count!",
               sum(s.valid_bet_amount) AS "valid_bet_amount!", sum(s.win_amount) AS "win_amount!",
               sum(s.bonus_amount) AS "bonus_amount!",
               sum(s.bet_amount - s.win_amount - s.bonus_amount - s.fee_amount - s.royalty_amount) AS "ngr!"
        FROM player_stat_daily s JOIN player p ON p.player_id = s.player_id AND p.brand_id = s.brand_id
        JOIN agent o ON o.guid = s.agent_id JOIN agent a ON a.guid = $1
        WHERE s.player_id = $2 AND s.stat_date BETWEEN $3 AND $4 AND starts_with(o.path, a.path)
          AND ($5::integer IS NULL OR s.provider_id = $5)
        GROUP BY s.stat_date ORDER BY s.stat_date DESC
        "#,
        asking.0,
        player.id(),
        days.first,
        days.last,
        provider,
    )
    .fetch_all(pool)
    .await?;
    let rows = rows.into_iter().map(|row| PlayerDay {
        date: row.stat_date,
        sums: DaySums {
            deposit_amount: row.deposit_amount,
            deposit_count: row.deposit_count,
            withdraw_amount: row.withdraw_amount,
            withdraw_count: row.withdraw_count,
            bet_amount: row.bet_amount,
            bet_count: row.bet_count,
            valid_bet_amount: row.valid_bet_amount,
            win_amount: row.win_amount,
            bonus_amount: row.bonus_amount,
            ngr: row.ngr,
        },
    });
    Ok(rows.collect())
}

/// A coupon of a player.
#[derive(Clone, Debug)]
pub struct PlayerCoupon {
    pub coupon_id: i64,
    pub template_id: i64,
    pub name: String,
    pub amount: Decimal,
    pub status: String,
    pub granted_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub recycled_at: Option<DateTime<Utc>>,
    pub expires_at: DateTime<Utc>,
}

impl Placed for PlayerCoupon {
    fn position(&self) -> Position {
        Position {
            at: self.granted_at,
            id: self.coupon_id,
        }
    }
}

/// Which coupons are listed.
#[derive(Clone, Copy, Debug)]
pub struct CouponFilter {
    pub status: Option<CouponStatus>,
    /// Granted in `[from, until)`.
    pub granted: (DateTime<Utc>, DateTime<Utc>),
}

/// The newest first.
pub fn coupons<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    asking: AgentGuid,
    player: OwnedPlayer,
    filter: CouponFilter,
    stretch: Stretch,
) -> Rows<'t, PlayerCoupon> {
    let ceiling = stretch.ceiling(filter.granted.1);
    let fetched = sqlx::query_as!(
        PlayerCoupon,
        r#"
        SELECT c.coupon_id, c.template_id, t.name, c.amount, c.status, c.granted_at, c.used_at, c.recycled_at,
               c.expires_at
        FROM coupon c JOIN coupon_template t ON t.template_id = c.template_id
        JOIN agent g ON g.guid = c.agent_id JOIN agent a ON a.guid = $9
        WHERE c.player_id = $1 AND c.brand_id = $2 AND c.granted_at >= $3 AND (c.granted_at, c.coupon_id) < ($4, $5)
          AND ($6::text IS NULL OR c.status = $6) AND starts_with(g.path, a.path)
        ORDER BY c.granted_at DESC, c.coupon_id DESC LIMIT $7 OFFSET $8
        "#,
        player.id(),
        scope.id().0,
        filter.granted.0,
        ceiling.at,
        ceiling.id,
        filter.status.map(CouponStatus::as_str),
        stretch.limit(),
        stretch.offset(),
        asking.0,
    )
    .fetch(tx.conn());
    rows(fetched)
}

/// As many as [`coupons`] would show, counted up to one more than `cap`.
///
/// # Errors
/// The statement failed.
pub async fn count_coupons(
    tx: &mut Tx,
    scope: &BrandScope,
    asking: AgentGuid,
    player: OwnedPlayer,
    filter: CouponFilter,
    cap: i64,
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM coupon c JOIN agent g ON g.guid = c.agent_id JOIN agent a ON a.guid = $7
            WHERE c.player_id = $1 AND c.brand_id = $2 AND c.granted_at >= $3 AND c.granted_at < $4
              AND ($5::text IS NULL OR c.status = $5) AND starts_with(g.path, a.path) LIMIT $6) AS counted
        "#,
        player.id(),
        scope.id().0,
        filter.granted.0,
        filter.granted.1,
        filter.status.map(CouponStatus::as_str),
        cap + 1,
        asking.0,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}
