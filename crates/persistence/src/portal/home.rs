//! Numbers of the dashboard, from the agents' days.

use agent_domain::{
    AgentGuid, BrandScope,
    page::DayRange,
    portal::report::{StatScope, Totals},
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::{error::DbError, pool::Pool};

/// Totals out of a row that selects the sums by these names.
macro_rules! totals {
    ($row:expr) => {
        agent_domain::portal::report::Totals {
            new_players: $row.new_players,
            new_subs: $row.new_subs,
            player_days: $row.player_days,
            ftd_count: $row.ftd_count,
            ftd_amount: $row.ftd_amount,
            deposit_amount: $row.deposit_amount,
            deposit_count: $row.deposit_count,
            withdraw_amount: $row.withdraw_amount,
            withdraw_count: $row.withdraw_count,
            bet_amount: $row.bet_amount,
            bet_count: $row.bet_count,
            valid_bet_amount: $row.valid_bet_amount,
            win_amount: $row.win_amount,
            bonus_amount: $row.bonus_amount,
            fee_amount: $row.fee_amount,
            royalty_amount: $row.royalty_amount,
            commission: $row.commission,
        }
    };
}
pub(super) use totals;

/// One step of a range: from a day until the next step or the end.
#[derive(Clone, Copy, Debug)]
pub struct Step<T> {
    /// Place among the given starts.
    pub index: usize,
    pub value: T,
}

/// What an agent's players did over some days.
#[derive(Clone, Copy, Debug, Default)]
pub struct Activity {
    pub totals: Totals,
    /// Players who bet or deposited, each counted once.
    pub active_players: i64,
}

/// What happened in each of the steps that begin on `starts`, of at most 92 days of the range each;
/// steps in which nothing happened are missing.
///
/// Of a day's active players those count who were not active since the step began; of days that
/// are not summed up by this version yet, all.
///
/// # Errors
/// The statement failed.
pub async fn activity(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    whose: StatScope,
    range: DayRange,
    starts: &[NaiveDate],
) -> Result<Vec<Step<Activity>>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT step AS "step!", new_players AS "new_players!", new_subs AS "new_subs!", player_days AS "player_days!",
               players AS "players!", ftd_count AS "ftd_count!", ftd_amount AS "ftd_amount!",
               deposit_amount AS "deposit_amount!", deposit_count AS "deposit_count!",
               withdraw_amount AS "withdraw_amount!", withdraw_count AS "withdraw_count!", bet_amount AS "bet_amount!",
               bet_count AS "bet_count!", valid_bet_amount AS "valid_bet_amount!", win_amount AS "win_amount!",
               bonus_amount AS "bonus_amount!", fee_amount AS "fee_amount!", royalty_amount AS "royalty_amount!",
               commission AS "commission!"
        FROM agent_activity($1, $2, $3, $4, $5, $6)
        "#,
        scope.id().0,
        agent.0,
        whose.as_str(),
        range.first,
        range.last,
        starts,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Step {
            index: index_of(row.step),
            value: Activity {
                totals: totals!(row),
                active_players: row.players,
            },
        })
        .collect())
}

/// Postgres counts the steps from 1.
fn index_of(step: i32) -> usize {
    usize::try_from(step - 1).unwrap_or_default()
}

/// What an agent has at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Holdings {
    pub available: Decimal,
    pub frozen: Decimal,
    pub sub_count: i64,
    pub player_count: i64,
}

/// As [`activity`], and what the agent has at the same instant. Players of a team are counted from
/// the days on which they came: a team may have a million.
///
/// # Errors
/// The statement failed.
pub async fn overview(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    whose: StatScope,
    range: DayRange,
    starts: &[NaiveDate],
) -> Result<(Holdings, Vec<Step<Activity>>), DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT coalesce(acc.available, 0) AS "available!", coalesce(acc.frozen, 0) AS "frozen!",
               CASE WHEN $3 = 'team' THEN (SELECT count(*) FROM downline_agent($2, $1))
                    ELSE (SELECT count(*) FROM direct_sub($2, $1, NULL) WHERE is_live) END AS "sub_count!",
               CASE WHEN $3 = 'team' THEN (SELECT coalesce(sum(new_players)::bigint, 0) FROM agent_stat_daily
                                           WHERE brand_id = $1 AND agent_id = $2 AND scope = 'team')
                    ELSE (SELECT count(*) FROM player p WHERE p.brand_id = $1 AND p.agent_id = $2)
               END AS "player_count!",
               done.step AS "step?", coalesce(new_players, 0) AS "new_players!", coalesce(new_subs, 0) AS "new_subs!",
               coalesce(player_days, 0) AS "player_days!", coalesce(players, 0) AS "players!",
               coalesce(ftd_count, 0) AS "ftd_count!", coalesce(ftd_amount, 0) AS "ftd_amount!",
               coalesce(deposit_amount, 0) AS "deposit_amount!", coalesce(deposit_count, 0) AS "deposit_count!",
               coalesce(withdraw_amount, 0) AS "withdraw_amount!", coalesce(withdraw_count, 0) AS "withdraw_count!",
               coalesce(bet_amount, 0) AS "bet_amount!", coalesce(bet_count, 0) AS "bet_count!",
               coalesce(valid_bet_amount, 0) AS "valid_bet_amount!", coalesce(win_amount, 0) AS "win_amount!",
               coalesce(bonus_amount, 0) AS "bonus_amount!", coalesce(fee_amount, 0) AS "fee_amount!",
               coalesce(royalty_amount, 0) AS "royalty_amount!", coalesce(commission, 0) AS "commission!"
        FROM (SELECT $2::bigint AS guid) AS me
        LEFT JOIN agent_account acc ON acc.agent_id = me.guid AND acc.brand_id = $1 AND acc.currency = $7
        LEFT JOIN agent_activity($1, $2, $3, $4, $5, $6) AS done ON true
        "#,
        scope.id().0,
        agent.0,
        whose.as_str(),
        range.first,
        range.last,
        starts,
        scope.brand().currency.as_str(),
    )
    .fetch_all(pool)
    .await?;
    // The agent itself is always there, so there is a row.
    let first = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    let holdings = Holdings {
        available: first.available,
        frozen: first.frozen,
        sub_count: first.sub_count,
        player_count: first.player_count,
    };
    let steps = rows.iter().filter_map(|row| {
        Some(Step {
            index: index_of(row.step?),
            value: Activity {
                totals: totals!(row),
                active_players: row.players,
            },
        })
    });
    Ok((holdings, steps.collect()))
}

/// Where an agent sends players to.
#[derive(Clone, Debug)]
pub struct Promotion {
    pub invite_code: String,
    /// Hosts of the agent, then hosts of the brand for players.
    pub domains: Vec<String>,
}

/// # Errors
/// The statement failed.
pub async fn promotion(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
) -> Result<Option<Promotion>, DbError> {
    let row = sqlx::query_as!(
        Promotion,
        r#"
        SELECT a.invite_code,
               ARRAY(SELECT domain FROM (
                         SELECT 1 AS turn, d.domain FROM agent_domain d
                         WHERE d.agent_id = a.guid AND d.brand_id = $2 AND d.status = 'active'
                         UNION ALL
                         SELECT 2, b.domain FROM brand_domain b WHERE b.brand_id = $2 AND b.kind = 'player') AS hosts
                     ORDER BY turn, domain LIMIT 50) AS "domains!"
        FROM agent a WHERE a.guid = $1
        "#,
        agent.0,
        scope.id().0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}
