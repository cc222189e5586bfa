//! Numbers of direct subs, each with its team.

use agent_domain::{
    AgentGuid, BrandScope,
    page::{DayRange, PageRequest},
    portal::report::Totals,
};
use chrono::NaiveDate;
use futures_util::TryStreamExt as _;

use super::home::totals;
use crate::{
    error::DbError,
    rows::{Rows, rows},
    tx::Tx,
};

/// Which direct subs a report is of.
#[derive(Clone, Debug, Default)]
pub struct ReportFilter {
    /// Beginning of the username or the nick name; `None` = all.
    pub keyword: Option<String>,
}

/// A direct sub and what its team did.
#[derive(Clone, Debug)]
pub struct SubTotals {
    pub guid: i64,
    pub username: String,
    pub nick_name: Option<String>,
    pub totals: Totals,
}

/// Over the whole range, by username; subs without activity too.
pub fn by_sub<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &ReportFilter,
    range: DayRange,
    page: PageRequest,
) -> Rows<'t, SubTotals> {
    let fetched = sqlx::query!(
        r#"
        WITH shown AS MATERIALIZED (
            SELECT s.guid, s.username, s.nick_name FROM agent s
            WHERE s.parent_guid = $2 AND s.status <> 'deleted' AND brand_status(s.guid, $1) IS NOT NULL
              AND ($3::text IS NULL OR starts_with(lower(s.username), lower($3))
                   OR starts_with(lower(s.nick_name), lower($3)))
            ORDER BY lower(s.username) LIMIT $6 OFFSET $7
        )
        SELECT s.guid, s.username, s.nick_name, t.new_players AS "new_players!", t.new_subs AS "new_subs!",
               t.player_days AS "player_days!", t.ftd_count AS "ftd_count!", t.ftd_amount AS "ftd_amount!",
               t.deposit_amount AS "deposit_amount!", t.deposit_count AS "deposit_count!",
               t.withdraw_amount AS "withdraw_amount!", t.withdraw_count AS "withdraw_count!",
               t.bet_amount AS "bet_amount!", t.bet_count AS "bet_count!", t.valid_bet_amount AS "valid_bet_amount!",
               t.win_amount AS "win_amount!", t.bonus_amount AS "bonus_amount!", t.fee_amount AS "fee_amount!",
               t.royalty_amount AS "royalty_amount!", t.commission AS "commission!"
        FROM shown s CROSS JOIN LATERAL (
            SELECT coalesce(sum(d.new_players)::bigint, 0) AS new_players, coalesce(sum(d.new_subs)::bigint, 0) AS new_subs,
                   coalesce(sum(d.active_players)::bigint, 0) AS player_days, coalesce(sum(d.ftd_count)::bigint, 0) AS ftd_count,
                   coalesce(sum(d.ftd_amount), 0) AS ftd_amount, coalesce(sum(d.deposit_amount), 0) AS deposit_amount,
                   coalesce(sum(d.deposit_count)::bigint, 0) AS deposit_count,
                   coalesce(sum(d.withdraw_amount), 0) AS withdraw_amount,
                   coalesce(sum(d.withdraw_count)::bigint, 0) AS withdraw_count, coalesce(sum(d.bet_amount), 0) AS bet_amount,
                   coalesce(sum(d.bet_count)::bigint, 0) AS bet_count, coalesce(sum(d.valid_bet_amount), 0) AS valid_bet_amount,
                   coalesce(sum(d.win_amount), 0) AS win_amount, coalesce(sum(d.bonus_amount), 0) AS bonus_amount,
                   coalesce(sum(d.fee_amount), 0) AS fee_amount, coalesce(sum(d.royalty_amount), 0) AS royalty_amount,
                   coalesce(sum(d.commission), 0) AS commission
            FROM agent_stat_daily d
            WHERE d.brand_id = $1 AND d.agent_id = s.guid AND d.scope = 'team' AND d.stat_date BETWEEN $4 AND $5) t
        ORDER BY lower(s.username)
        "#,
        scope.id().0,
        agent.0,
        filter.keyword.as_deref(),
        range.first,
        range.last,
        page.limit(),
        page.offset(),
    )
    .fetch(tx.conn());
    rows(fetched.map_ok(|row| SubTotals {
        totals: totals!(row),
        guid: row.guid,
        username: row.username,
        nick_name: row.nick_name,
    }))
}

/// How many subs the filter leaves, counted up to one more than `cap`.
///
/// # Errors
/// The statement failed.
pub async fn count_subs(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &ReportFilter,
    cap: i64,
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM agent s
            WHERE s.parent_guid = $2 AND s.status <> 'deleted' AND brand_status(s.guid, $1) IS NOT NULL
              AND ($3::text IS NULL OR starts_with(lower(s.username), lower($3))
                   OR starts_with(lower(s.nick_name), lower($3)))
            LIMIT $4) AS counted
        "#,
        scope.id().0,
        agent.0,
        filter.keyword.as_deref(),
        cap + 1,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// One day of a direct sub.
#[derive(Clone, Debug)]
pub struct SubDay {
    pub day: NaiveDate,
    pub sub: SubTotals,
}

/// Days on which something happened, the latest first, then by username.
pub fn by_day<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &ReportFilter,
    range: DayRange,
    page: PageRequest,
) -> Rows<'t, SubDay> {
    let fetched = sqlx::query!(
        r#"
        SELECT d.stat_date, s.guid, s.username, s.nick_name, d.new_players::bigint AS "new_players!",
               d.new_subs::bigint AS "new_subs!", d.active_players::bigint AS "player_days!",
               d.ftd_count::bigint AS "ftd_count!", d.ftd_amount, d.deposit_amount,
               d.deposit_count::bigint AS "deposit_count!", d.withdraw_amount,
               d.withdraw_count::bigint AS "withdraw_count!", d.bet_amount, d.bet_count::bigint AS "bet_count!",
               d.valid_bet_amount, d.win_amount, d.bonus_amount, d.fee_amount, d.royalty_amount, d.commission
        FROM agent s
        JOIN agent_stat_daily d ON d.brand_id = $1 AND d.agent_id = s.guid AND d.scope = 'team'
             AND d.stat_date BETWEEN $4 AND $5
        WHERE s.parent_guid = $2 AND s.status <> 'deleted' AND brand_status(s.guid, $1) IS NOT NULL
          AND ($3::text IS NULL OR starts_with(lower(s.username), lower($3))
               OR starts_with(lower(s.nick_name), lower($3)))
        ORDER BY d.stat_date DESC, lower(s.username) LIMIT $6 OFFSET $7
        "#,
        scope.id().0,
        agent.0,
        filter.keyword.as_deref(),
        range.first,
        range.last,
        page.limit(),
        page.offset(),
    )
    .fetch(tx.conn());
    rows(fetched.map_ok(|row| SubDay {
        day: row.stat_date,
        sub: SubTotals {
            totals: totals!(row),
            guid: row.guid,
            username: row.username,
            nick_name: row.nick_name,
        },
    }))
}

/// Sums over all subs that the filter leaves, and how many days of subs they are made of.
///
/// # Errors
/// The statement failed.
pub async fn summary(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &ReportFilter,
    range: DayRange,
) -> Result<(i64, Totals), DbError> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) AS "days!", coalesce(sum(d.new_players)::bigint, 0) AS "new_players!",
               coalesce(sum(d.new_subs)::bigint, 0) AS "new_subs!", coalesce(sum(d.active_players)::bigint, 0) AS "player_days!",
               coalesce(sum(d.ftd_count)::bigint, 0) AS "ftd_count!", coalesce(sum(d.ftd_amount), 0) AS "ftd_amount!",
               coalesce(sum(d.deposit_amount), 0) AS "deposit_amount!",
               coalesce(sum(d.deposit_count)::bigint, 0) AS "deposit_count!",
               coalesce(sum(d.withdraw_amount), 0) AS "withdraw_amount!",
               coalesce(sum(d.withdraw_count)::bigint, 0) AS "withdraw_count!",
               coalesce(sum(d.bet_amount), 0) AS "bet_amount!", coalesce(sum(d.bet_count)::bigint, 0) AS "bet_count!",
               coalesce(sum(d.valid_bet_amount), 0) AS "valid_bet_amount!",
               coalesce(sum(d.win_amount), 0) AS "win_amount!", coalesce(sum(d.bonus_amount), 0) AS "bonus_amount!",
               coalesce(sum(d.fee_amount), 0) AS "fee_amount!", coalesce(sum(d.royalty_amount), 0) AS "royalty_amount!",
               coalesce(sum(d.commission), 0) AS "commission!"
        FROM agent s
        JOIN agent_stat_daily d ON d.brand_id = $1 AND d.agent_id = s.guid AND d.scope = 'team'
             AND d.stat_date BETWEEN $4 AND $5
        WHERE s.parent_guid = $2 AND s.status <> 'deleted' AND brand_status(s.guid, $1) IS NOT NULL
          AND ($3::text IS NULL OR starts_with(lower(s.username), lower($3))
               OR starts_with(lower(s.nick_name), lower($3)))
        "#,
        scope.id().0,
        agent.0,
        filter.keyword.as_deref(),
        range.first,
        range.last,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((row.days, totals!(row)))
}
