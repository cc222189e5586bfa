//! The agents below the one who asks: what a list and a page show of them.
//!
//! Every statement reads `downline_agent`, which checks the tree and the brand.

use agent_domain::{
    AgentGuid, BrandScope,
    page::{DayRange, PageRequest},
    portal::sub::SubStatus,
};
use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::Decimal;

use crate::{
    error::DbError,
    pool::Pool,
    rows::{Rows, rows},
    tx::Tx,
};

/// Which agents a list shows.
#[derive(Clone, Debug, Default)]
pub struct SubFilter {
    /// Begins the username or the nick name, whatever the case.
    pub keyword: Option<String>,
    /// Only those directly below.
    pub direct: bool,
    pub status: Option<SubStatus>,
}

impl SubFilter {
    fn parent(&self, asking: AgentGuid) -> Option<i64> {
        self.direct.then_some(asking.0)
    }

    fn status(&self) -> Option<&'static str> {
        self.status.map(SubStatus::as_str)
    }
}

/// An agent in a list. Sums are those of its whole team over the range.
#[derive(Clone, Debug)]
pub struct SubRow {
    pub guid: i64,
    pub username: String,
    pub nick_name: Option<String>,
    pub level: i16,
    /// The agent above, where the one who asks sees it.
    pub parent_guid: Option<i64>,
    pub parent_username: Option<String>,
    pub status: String,
    pub brand_status: String,
    pub created_at: DateTime<Utc>,
    /// Its own players on the brand.
    pub player_count: i64,
    /// Agents directly below it.
    pub sub_count: i64,
    /// Least and most of its shares in the brand's providers, in percent.
    pub percentage_min: Option<Decimal>,
    pub percentage_max: Option<Decimal>,
    pub new_players: i64,
    pub new_subs: i64,
    pub ftd_count: i64,
    pub ftd_amount: Decimal,
    pub deposit_amount: Decimal,
    pub deposit_count: i64,
    pub withdraw_amount: Decimal,
    pub withdraw_count: i64,
    pub bet_amount: Decimal,
    pub bet_count: i64,
    pub valid_bet_amount: Decimal,
    pub win_amount: Decimal,
    pub bonus_amount: Decimal,
    pub fee_amount: Decimal,
    pub royalty_amount: Decimal,
    pub commission: Decimal,
}

/// One page of agents, the newest first; counts and sums are computed for its rows alone.
pub fn list<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    asking: AgentGuid,
    filter: &SubFilter,
    range: DayRange,
    today: NaiveDate,
    page: PageRequest,
) -> Rows<'t, SubRow> {
    let fetched = sqlx::query_as!(
        SubRow,
        r#"
        WITH s AS MATERIALIZED (
            SELECT * FROM downline_agent($1, $2) d
            WHERE ($3::bigint IS NULL OR d.parent_guid = $3) AND ($4::text IS NULL OR d.status = $4)
              AND ($5::text IS NULL OR starts_with(lower(d.username), lower($5))
                   OR starts_with(lower(d.nick_name), lower($5)))
            ORDER BY d.created_at DESC, d.guid DESC LIMIT $6 OFFSET $7
        )
        SELECT s.guid AS "guid!", s.username AS "username!", s.nick_name, s.level AS "level!",
               above.guid AS "parent_guid?", above.username AS "parent_username?", s.status AS "status!",
               s.brand_status AS "brand_status!", s.created_at AS "created_at!",
               (SELECT count(*) FROM player p WHERE p.brand_id = $2 AND p.agent_id = s.guid) AS "player_count!",
               (SELECT count(*) FROM downline_agent(s.guid, $2) b WHERE b.parent_guid = s.guid) AS "sub_count!",
               share.least AS percentage_min, share.most AS percentage_max,
               team.new_players AS "new_players!", team.new_subs AS "new_subs!", team.ftd_count AS "ftd_count!",
               team.ftd_amount AS "ftd_amount!", team.deposit_amount AS "deposit_amount!",
               team.deposit_count AS "deposit_count!", team.withdraw_amount AS "withdraw_amount!",
               team.withdraw_count AS "withdraw_count!", team.bet_amount AS "bet_amount!",
               team.bet_count AS "bet_count!", team.valid_bet_amount AS "valid_bet_amount!",
               team.win_amount AS "win_amount!", team.bonus_amount AS "bonus_amount!",
               team.fee_amount AS "fee_amount!", team.royalty_amount AS "royalty_amount!",
               team.commission AS "commission!"
        FROM s
        LEFT JOIN agent above ON above.guid = s.parent_guid
              AND (above.guid = $1 OR (above.status <> 'deleted' AND brand_status(above.guid, $2) IS NOT NULL))
        CROSS JOIN LATERAL (
            SELECT min(coalesce(held.percentage, 0)) AS least, max(coalesce(held.percentage, 0)) AS most
            FROM brand_provider bp JOIN provider p USING (provider_id)
            LEFT JOIN LATERAL (
                SELECT h.percentage FROM agent_provider_percentage h
                WHERE h.agent_id = s.guid AND h.brand_id = $2 AND h.provider_id = p.provider_id
                  AND h.effective_from <= $8
                ORDER BY h.effective_from DESC LIMIT 1) held ON true
            WHERE bp.brand_id = $2 AND bp.enabled AND p.enabled) share
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(t.new_players)::bigint, 0) AS new_players, coalesce(sum(t.new_subs)::bigint, 0) AS new_subs,
                   coalesce(sum(t.ftd_count)::bigint, 0) AS ftd_count, coalesce(sum(t.ftd_amount), 0) AS ftd_amount,
                   coalesce(sum(t.deposit_amount), 0) AS deposit_amount,
                   coalesce(sum(t.deposit_count)::bigint, 0) AS deposit_count,
                   coalesce(sum(t.withdraw_amount), 0) AS withdraw_amount,
                   coalesce(sum(t.withdraw_count)::bigint, 0) AS withdraw_count,
                   coalesce(sum(t.bet_amount), 0) AS bet_amount, coalesce(sum(t.bet_count)::bigint, 0) AS bet_count,
                   coalesce(sum(t.valid_bet_amount), 0) AS valid_bet_amount,
                   coalesce(sum(t.win_amount), 0) AS win_amount, coalesce(sum(t.bonus_amount), 0) AS bonus_amount,
                   coalesce(sum(t.fee_amount), 0) AS fee_amount,
                   coalesce(sum(t.royalty_amount), 0) AS royalty_amount, coalesce(sum(t.commission), 0) AS commission
            FROM agent_stat_daily t
            WHERE t.brand_id = $2 AND t.agent_id = s.guid AND t.scope = 'team' AND t.stat_date BETWEEN $9 AND $10) team
        ORDER BY s.created_at DESC, s.guid DESC
        "#,
        asking.0,
        scope.id().0,
        filter.parent(asking),
        filter.status(),
        filter.keyword,
        page.limit(),
        page.offset(),
        today,
        range.first,
        range.last,
    )
    .fetch(tx.conn());
    rows(fetched)
}

/// How many a list would show, counted up to one more than `cap`.
///
/// # Errors
/// The statement failed.
pub async fn count(
    tx: &mut Tx,
    scope: &BrandScope,
    asking: AgentGuid,
    filter: &SubFilter,
    cap: i64,
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM downline_agent($1, $2) d
            WHERE ($3::bigint IS NULL OR d.parent_guid = $3) AND ($4::text IS NULL OR d.status = $4)
              AND ($5::text IS NULL OR starts_with(lower(d.username), lower($5))
                   OR starts_with(lower(d.nick_name), lower($5)))
            LIMIT $6) AS counted
        "#,
        asking.0,
        scope.id().0,
        filter.parent(asking),
        filter.status(),
        filter.keyword,
        cap + 1,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// All that is shown of one agent.
#[derive(Clone, Debug)]
pub struct SubDetail {
    pub guid: i64,
    pub username: String,
    pub nick_name: Option<String>,
    pub remark: Option<String>,
    pub level: i16,
    pub parent_guid: Option<i64>,
    pub parent_username: Option<String>,
    pub status: String,
    pub brand_status: String,
    pub player_count: i64,
    pub sub_count: i64,
    pub created_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
}

/// An agent below the one who asks.
///
/// # Errors
/// The statement failed.
pub async fn detail(
    pool: &Pool,
    scope: &BrandScope,
    asking: AgentGuid,
    guid: AgentGuid,
) -> Result<Option<SubDetail>, DbError> {
    let row = sqlx::query_as!(
        SubDetail,
        r#"
        SELECT s.guid AS "guid!", s.username AS "username!", s.nick_name, s.remark, s.level AS "level!",
               above.guid AS "parent_guid?", above.username AS "parent_username?", s.status AS "status!",
               s.brand_status AS "brand_status!",
               (SELECT count(*) FROM player p WHERE p.brand_id = $2 AND p.agent_id = s.guid) AS "player_count!",
               (SELECT count(*) FROM downline_agent(s.guid, $2) b WHERE b.parent_guid = s.guid) AS "sub_count!",
               s.created_at AS "created_at!", s.last_login_at
        FROM downline_agent($1, $2) s
        LEFT JOIN agent above ON above.guid = s.parent_guid
              AND (above.guid = $1 OR (above.status <> 'deleted' AND brand_status(above.guid, $2) IS NOT NULL))
        WHERE s.guid = $3
        "#,
        asking.0,
        scope.id().0,
        guid.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}
