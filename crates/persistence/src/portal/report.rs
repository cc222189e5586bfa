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
    pool::Pool,
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

/// Subs that the filter leaves, with the sums over all of them.
#[derive(Clone, Debug)]
pub struct SubsPage {
    /// By username.
    pub subs: Vec<SubTotals>,
    /// How many there are on all pages, counted up to one more than the cap.
    pub found: i64,
    pub totals: Totals,
}

/// One page of [`by_sub`] and the sums over all pages, of one instant.
///
/// # Errors
/// The statement failed.
pub async fn page_by_sub(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: &ReportFilter,
    range: DayRange,
    page: PageRequest,
    cap: i64,
) -> Result<SubsPage, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT 0::bigint AS "place!", NULL::bigint AS "guid?", '' AS "username!", NULL::text AS "nick_name?",
               (SELECT count(*) FROM (SELECT FROM direct_sub($2, $1, $3) WHERE is_live AND is_named LIMIT $8) AS counted)
                   AS "found?",
               new_players AS "new_players!", new_subs AS "new_subs!", player_days AS "player_days!",
               ftd_count AS "ftd_count!", ftd_amount AS "ftd_amount!", deposit_amount AS "deposit_amount!",
               deposit_count AS "deposit_count!", withdraw_amount AS "withdraw_amount!",
               withdraw_count AS "withdraw_count!", bet_amount AS "bet_amount!", bet_count AS "bet_count!",
               valid_bet_amount AS "valid_bet_amount!", win_amount AS "win_amount!", bonus_amount AS "bonus_amount!",
               fee_amount AS "fee_amount!", royalty_amount AS "royalty_amount!", commission AS "commission!"
        FROM direct_subs_sums($2, $1, $3, $4, $5)
        UNION ALL
        SELECT row_number() OVER (ORDER BY lower(s.username)), s.guid, s.username, s.nick_name, NULL, t.*
        FROM (SELECT guid, username, nick_name FROM direct_sub($2, $1, $3) WHERE is_live AND is_named
              ORDER BY lower(username) LIMIT $6 OFFSET $7) AS s
        CROSS JOIN LATERAL team_sums(s.guid, $1, $4, $5) AS t
        ORDER BY "place!"
        "#,
        scope.id().0,
        agent.0,
        filter.keyword.as_deref(),
        range.first,
        range.last,
        page.limit(),
        page.offset(),
        cap + 1,
    )
    .fetch_all(pool)
    .await?;
    let mut all = SubsPage {
        subs: Vec::with_capacity(rows.len()),
        found: 0,
        totals: Totals::default(),
    };
    for row in rows {
        match row.guid {
            Some(guid) => all.subs.push(SubTotals {
                totals: totals!(row),
                guid,
                username: row.username,
                nick_name: row.nick_name,
            }),
            // The row of the sums.
            None => {
                all.found = row.found.unwrap_or_default();
                all.totals = totals!(row);
            }
        }
    }
    Ok(all)
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
        SELECT s.guid AS "guid!", s.username AS "username!", s.nick_name, t.new_players AS "new_players!",
               t.new_subs AS "new_subs!", t.player_days AS "player_days!", t.ftd_count AS "ftd_count!",
               t.ftd_amount AS "ftd_amount!", t.deposit_amount AS "deposit_amount!",
               t.deposit_count AS "deposit_count!", t.withdraw_amount AS "withdraw_amount!",
               t.withdraw_count AS "withdraw_count!", t.bet_amount AS "bet_amount!", t.bet_count AS "bet_count!",
               t.valid_bet_amount AS "valid_bet_amount!", t.win_amount AS "win_amount!",
               t.bonus_amount AS "bonus_amount!", t.fee_amount AS "fee_amount!",
               t.royalty_amount AS "royalty_amount!", t.commission AS "commission!"
        FROM (SELECT guid, username, nick_name FROM direct_sub($2, $1, $3) WHERE is_live AND is_named
              ORDER BY lower(username) LIMIT $6 OFFSET $7) AS s
        CROSS JOIN LATERAL team_sums(s.guid, $1, $4, $5) AS t
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
        SELECT count(*) AS "count!"
        FROM (SELECT FROM direct_sub($2, $1, $3) WHERE is_live AND is_named LIMIT $4) AS counted
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
        SELECT d.stat_date, s.guid AS "guid!", s.username AS "username!", s.nick_name, d.new_players::bigint AS "new_players!",
               d.new_subs::bigint AS "new_subs!", d.active_players::bigint AS "player_days!",
               d.ftd_count::bigint AS "ftd_count!", d.ftd_amount, d.deposit_amount,
               d.deposit_count::bigint AS "deposit_count!", d.withdraw_amount,
               d.withdraw_count::bigint AS "withdraw_count!", d.bet_amount, d.bet_count::bigint AS "bet_count!",
               d.valid_bet_amount, d.win_amount, d.bonus_amount, d.fee_amount, d.royalty_amount, d.commission
        FROM direct_sub($2, $1, $3) AS s
        JOIN agent_stat_daily d ON d.brand_id = $1 AND d.agent_id = s.guid AND d.scope = 'team'
             AND d.stat_date BETWEEN $4 AND $5
        WHERE s.is_live AND s.is_named
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
        SELECT days AS "days!", new_players AS "new_players!", new_subs AS "new_subs!", player_days AS "player_days!",
               ftd_count AS "ftd_count!", ftd_amount AS "ftd_amount!", deposit_amount AS "deposit_amount!",
               deposit_count AS "deposit_count!", withdraw_amount AS "withdraw_amount!",
               withdraw_count AS "withdraw_count!", bet_amount AS "bet_amount!", bet_count AS "bet_count!",
               valid_bet_amount AS "valid_bet_amount!", win_amount AS "win_amount!", bonus_amount AS "bonus_amount!",
               fee_amount AS "fee_amount!", royalty_amount AS "royalty_amount!", commission AS "commission!"
        FROM direct_subs_sums($2, $1, $3, $4, $5)
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
