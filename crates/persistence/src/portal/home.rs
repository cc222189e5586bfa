//! Numbers of the dashboard, from the agents' days.

use agent_domain::{
    AgentGuid, BrandScope,
    page::DayRange,
    portal::report::{StatScope, Totals},
};
use chrono::NaiveDate;
use rust_decimal::Decimal;

use crate::{error::DbError, pool::Pool, tx::Tx};

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
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    whose: StatScope,
    range: DayRange,
    starts: &[NaiveDate],
) -> Result<Vec<Step<Activity>>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT bucket AS "bucket!", sum(new_players)::bigint AS "new_players!",
               sum(new_subs)::bigint AS "new_subs!", sum(active_players)::bigint AS "player_days!",
               sum(CASE WHEN gaps IS NULL THEN active_players
                        ELSE coalesce(players[width_bucket((stat_date - since)::smallint, gaps) + 1], 0) END)::bigint
                   AS "active_players!",
               sum(ftd_count)::bigint AS "ftd_count!",
               sum(ftd_amount) AS "ftd_amount!", sum(deposit_amount) AS "deposit_amount!",
               sum(deposit_count)::bigint AS "deposit_count!", sum(withdraw_amount) AS "withdraw_amount!",
               sum(withdraw_count)::bigint AS "withdraw_count!", sum(bet_amount) AS "bet_amount!",
               sum(bet_count)::bigint AS "bet_count!", sum(valid_bet_amount) AS "valid_bet_amount!",
               sum(win_amount) AS "win_amount!", sum(bonus_amount) AS "bonus_amount!",
               sum(fee_amount) AS "fee_amount!", sum(royalty_amount) AS "royalty_amount!",
               sum(commission) AS "commission!"
        FROM (SELECT d.*, a.gaps, a.players, b.bucket, greatest(($6::date[])[b.bucket], $4) AS since
              FROM agent_stat_daily d
              CROSS JOIN LATERAL width_bucket(d.stat_date, $6::date[]) AS b (bucket)
              LEFT JOIN agent_active_daily a ON a.brand_id = d.brand_id AND a.agent_id = d.agent_id
                   AND a.scope = d.scope AND a.stat_date = d.stat_date AND a.stat_date BETWEEN $4 AND $5
              WHERE d.brand_id = $1 AND d.agent_id = $2 AND d.scope = $3 AND d.stat_date BETWEEN $4 AND $5) AS days
        GROUP BY bucket
        "#,
        scope.id().0,
        agent.0,
        whose.as_str(),
        range.first,
        range.last,
        starts,
    )
    .fetch_all(tx.conn())
    .await?;
    let step = |bucket: i32, value| Step {
        // Buckets are counted from 1.
        index: usize::try_from(bucket - 1).unwrap_or_default(),
        value,
    };
    Ok(rows
        .into_iter()
        .map(|row| {
            let activity = Activity {
                totals: totals!(row),
                active_players: row.active_players,
            };
            step(row.bucket, activity)
        })
        .collect())
}

/// What an agent has at this moment.
#[derive(Clone, Copy, Debug)]
pub struct Holdings {
    pub available: Decimal,
    pub frozen: Decimal,
    pub sub_count: i64,
    pub player_count: i64,
}

/// Players of a team are counted from the days on which they came: a team may have a million.
///
/// # Errors
/// The statement failed.
pub async fn holdings(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    whose: StatScope,
) -> Result<Holdings, DbError> {
    let row = sqlx::query_as!(
        Holdings,
        r#"
        SELECT coalesce(acc.available, 0) AS "available!", coalesce(acc.frozen, 0) AS "frozen!",
               CASE WHEN $4 THEN (SELECT count(*) FROM downline_agent($1, $2))
                    ELSE (SELECT count(*) FROM agent s WHERE s.parent_guid = $1 AND s.status <> 'deleted'
                          AND brand_status(s.guid, $2) IS NOT NULL) END AS "sub_count!",
               CASE WHEN $4 THEN (SELECT coalesce(sum(new_players)::bigint, 0) FROM agent_stat_daily
                                  WHERE brand_id = $2 AND agent_id = $1 AND scope = 'team')
                    ELSE (SELECT count(*) FROM player p WHERE p.brand_id = $2 AND p.agent_id = $1)
               END AS "player_count!"
        FROM (SELECT $1::bigint AS guid) AS me
        LEFT JOIN agent_account acc ON acc.agent_id = me.guid AND acc.brand_id = $2 AND acc.currency = $3
        "#,
        agent.0,
        scope.id().0,
        scope.brand().currency.as_str(),
        whose == StatScope::Team,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
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
