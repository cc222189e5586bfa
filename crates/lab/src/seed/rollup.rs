//! Sums the players' days up to their agents: each agent's own players (`direct`), and with those
//! of everybody below (`team`).

use chrono::Duration;
use sqlx::PgConnection;

use super::{
    players::{STAT_DAYS, first_stat_day},
    world::World,
};

/// A player is active on a day with a bet; a first deposit counts on the brand's day on which it
/// was made, with all that the player paid in that day.
const DIRECT: &str = "\
WITH played AS (
    SELECT stat_date, agent_id, count(DISTINCT player_id) FILTER (WHERE bet_count > 0) AS active_players,
           sum(deposit_amount) AS deposit_amount, sum(deposit_count) AS deposit_count,
           sum(withdraw_amount) AS withdraw_amount, sum(withdraw_count) AS withdraw_count,
           sum(bet_amount) AS bet_amount, sum(bet_count) AS bet_count, sum(valid_bet_amount) AS valid_bet_amount,
           sum(win_amount) AS win_amount, sum(bonus_amount) AS bonus_amount, sum(fee_amount) AS fee_amount,
           sum(royalty_amount) AS royalty_amount
    FROM player_stat_daily WHERE brand_id = $1 GROUP BY stat_date, agent_id
), registered AS (
    SELECT (registered_at AT TIME ZONE $4)::date AS stat_date, agent_id, count(*) AS new_players
    FROM player WHERE brand_id = $1 AND agent_id IS NOT NULL GROUP BY 1, 2
), first_deposits AS (
    SELECT s.stat_date, s.agent_id, count(*) AS ftd_count, sum(s.deposit_amount) AS ftd_amount
    FROM player p
    JOIN player_stat_daily s ON s.player_id = p.player_id AND s.provider_id = 0
     AND s.stat_date = (p.first_deposit_at AT TIME ZONE $4)::date
    WHERE p.brand_id = $1 GROUP BY 1, 2
), recruited AS (
    SELECT (a.created_at AT TIME ZONE $4)::date AS stat_date, a.parent_guid AS agent_id, count(*) AS new_subs
    FROM agent a JOIN agent_brand m ON m.agent_id = a.guid AND m.brand_id = $1
    WHERE a.parent_guid IS NOT NULL GROUP BY 1, 2
)
INSERT INTO agent_stat_daily (scope, brand_id, stat_date, agent_id, new_players, new_subs, active_players, ftd_count,
                              ftd_amount, deposit_amount, deposit_count, withdraw_amount, withdraw_count, bet_amount,
                              bet_count, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount)
SELECT 'direct', $1, stat_date, agent_id, coalesce(new_players, 0), coalesce(new_subs, 0),
       coalesce(active_players, 0), coalesce(ftd_count, 0), coalesce(ftd_amount, 0), coalesce(deposit_amount, 0),
       coalesce(deposit_count, 0), coalesce(withdraw_amount, 0), coalesce(withdraw_count, 0), coalesce(bet_amount, 0),
       coalesce(bet_count, 0), coalesce(valid_bet_amount, 0), coalesce(win_amount, 0), coalesce(bonus_amount, 0),
       coalesce(fee_amount, 0), coalesce(royalty_amount, 0)
FROM played FULL JOIN registered USING (stat_date, agent_id) FULL JOIN first_deposits USING (stat_date, agent_id)
FULL JOIN recruited USING (stat_date, agent_id)
WHERE stat_date BETWEEN $2 AND $3";

/// Every agent with those above and itself, and for each of those the next one below on the way.
const ABOVE: &str = "\
CREATE TEMPORARY TABLE seed_above ON COMMIT DROP AS
SELECT a.guid AS agent_id, chain[step] AS top, chain[step + 1] AS next_below
FROM agent a, string_to_array(trim(BOTH '/' FROM a.path), '/') AS names, cast(names AS bigint[]) AS chain,
     generate_subscripts(chain, 1) AS step;
ANALYZE seed_above, agent_stat_daily";

const TEAM: &str = "\
INSERT INTO agent_stat_daily (scope, brand_id, stat_date, agent_id, new_players, new_subs, active_players, ftd_count,
                              ftd_amount, deposit_amount, deposit_count, withdraw_amount, withdraw_count, bet_amount,
                              bet_count, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount)
SELECT 'team', $1, stat_date, top, sum(new_players), sum(new_subs), sum(active_players), sum(ftd_count),
       sum(ftd_amount), sum(deposit_amount), sum(deposit_count), sum(withdraw_amount), sum(withdraw_count),
       sum(bet_amount), sum(bet_count), sum(valid_bet_amount), sum(win_amount), sum(bonus_amount), sum(fee_amount),
       sum(royalty_amount)
FROM agent_stat_daily JOIN seed_above USING (agent_id)
WHERE brand_id = $1 AND scope = 'direct'
GROUP BY stat_date, top";

/// Commission is earned on what the house won after royalties: on own players the agent's share of
/// it, on the team's the difference between that share and the share of the agent next below.
const COMMISSION: &str = "\
WITH won AS (
    SELECT stat_date, agent_id, provider_id, sum(bet_amount - win_amount - royalty_amount) AS amount
    FROM player_stat_daily WHERE brand_id = $1 AND provider_id <> 0 GROUP BY stat_date, agent_id, provider_id
), earned AS (
    SELECT won.stat_date, top, sum(amount * (own.percentage - coalesce(below.percentage, 0)) / 100) AS team,
           sum(amount * own.percentage / 100) FILTER (WHERE next_below IS NULL) AS direct
    FROM won JOIN seed_above USING (agent_id)
    CROSS JOIN LATERAL (SELECT percentage FROM agent_provider_percentage p WHERE p.agent_id = top
        AND p.brand_id = $1 AND p.provider_id = won.provider_id AND p.effective_from <= won.stat_date
        ORDER BY effective_from DESC LIMIT 1) own
    LEFT JOIN LATERAL (SELECT percentage FROM agent_provider_percentage p WHERE p.agent_id = next_below
        AND p.brand_id = $1 AND p.provider_id = won.provider_id AND p.effective_from <= won.stat_date
        ORDER BY effective_from DESC LIMIT 1) below ON true
    GROUP BY won.stat_date, top
)
UPDATE agent_stat_daily s
SET commission = round(coalesce(CASE s.scope WHEN 'team' THEN earned.team ELSE earned.direct END, 0), 4)
FROM earned WHERE s.brand_id = $1 AND s.agent_id = earned.top AND s.stat_date = earned.stat_date";

/// Gives the number of rows.
pub(super) async fn store(conn: &mut PgConnection, world: &World) -> anyhow::Result<u64> {
    // Fresh tables have no statistics, and the planner would guess wrongly.
    sqlx::raw_sql(
        "ANALYZE player_stat_daily, player, agent, agent_brand, agent_provider_percentage",
    )
    .execute(&mut *conn)
    .await?;
    let mut rows = 0;
    for (index, brand) in world.brands.iter().enumerate() {
        let first = first_stat_day(world, index);
        let direct = sqlx::query(DIRECT)
            .bind(brand.id())
            .bind(first)
            .bind(first + Duration::days(STAT_DAYS - 1))
            .bind(brand.brand.timezone.name())
            .execute(&mut *conn)
            .await?;
        rows += direct.rows_affected();
    }
    sqlx::raw_sql(ABOVE).execute(&mut *conn).await?;
    for brand in &world.brands {
        let team = sqlx::query(TEAM)
            .bind(brand.id())
            .execute(&mut *conn)
            .await?;
        rows += team.rows_affected();
        sqlx::query(COMMISSION)
            .bind(brand.id())
            .execute(&mut *conn)
            .await?;
    }
    Ok(rows)
}
