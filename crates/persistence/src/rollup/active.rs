//! Who of an agent's active players of a day was active before, and how long ago.
//!
//! With that, players active in a range are added up day by day, each counted on its first day in
//! the range, and nobody has to look at the players' days again.

use agent_domain::{BrandId, page::MAX_RANGE_DAYS};
use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::error::DbError;

// The statement, and the table's comment, say 91 and 92.
const _: () = assert!(MAX_RANGE_DAYS == 92);

/// Computes the days anew from the players' days and leaves alone what was right; days whose
/// players' days were dropped stay. Gives the number of rows written.
///
/// Where days to look back on were dropped since, whoever was not active in those that are left is
/// taken to have been active before as those were who were counted when they were still there.
///
/// # Errors
/// The statement failed.
pub(super) async fn look_back(
    conn: &mut PgConnection,
    brand: BrandId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        WITH span AS (
            SELECT greatest($2::date, (SELECT kept_from FROM stat_horizon)) AS first, $3::date AS last,
                   (SELECT kept_from FROM stat_horizon) AS kept_from
        ), active AS (
            SELECT stat_date, player_id, min(agent_id) AS agent_id, min(agent_id) <> max(agent_id) AS is_split
            FROM player_stat_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND (bet_count > 0 OR deposit_count > 0)
            GROUP BY stat_date, player_id
        ), followed AS (
            SELECT stat_date, player_id, agent_id, is_split, lag(stat_date) OVER days AS before,
                   lag(agent_id) OVER days AS agent_before
            FROM active WINDOW days AS (PARTITION BY player_id ORDER BY stat_date)
        ), looked_back AS MATERIALIZED (
            -- The last day before on which the player was active for anybody, where it is not in the span.
            SELECT f.stat_date, f.player_id, f.agent_id, f.is_split, coalesce(f.before, o.stat_date) AS before,
                   coalesce(f.agent_before, o.agent_id) AS agent_before
            FROM followed f
            LEFT JOIN LATERAL (
                SELECT d.stat_date, d.agent_id FROM player_stat_daily d
                WHERE f.before IS NULL AND d.player_id = f.player_id AND d.brand_id = $1
                  AND d.stat_date BETWEEN greatest(f.stat_date - 91, (SELECT kept_from FROM span)) AND f.stat_date - 1
                  AND d.stat_date BETWEEN $2::date - 91 AND $2::date - 1
                  AND (d.bet_count > 0 OR d.deposit_count > 0)
                ORDER BY d.stat_date DESC LIMIT 1) o ON true
        ), straight AS MATERIALIZED (
            -- Active for one agent, and for the same one before: then that day is also the last one
            -- for all above.
            SELECT stat_date, agent_id, least(stat_date - before, 92)::smallint AS gap, count(*) AS players
            FROM looked_back WHERE NOT is_split AND (before IS NULL OR agent_before = agent_id)
            GROUP BY 1, 2, 3
        ), other_days AS MATERIALIZED (
            SELECT l.stat_date, l.player_id, d.stat_date AS other, d.agent_id
            FROM looked_back l
            JOIN player_stat_daily d ON d.player_id = l.player_id AND d.brand_id = $1
             AND d.stat_date BETWEEN greatest(l.stat_date - 91, (SELECT kept_from FROM span)) AND l.stat_date
             AND d.stat_date BETWEEN $2::date - 91 AND $3::date
             AND (d.bet_count > 0 OR d.deposit_count > 0)
            WHERE l.is_split OR l.agent_before <> l.agent_id
            GROUP BY 1, 2, 3, 4
        ), above AS MATERIALIZED (
            SELECT a.guid AS agent_id, top::bigint
            FROM agent a CROSS JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM a.path), '/')) AS top
            WHERE a.guid IN (SELECT agent_id FROM straight UNION SELECT agent_id FROM other_days)
        ), of_player AS (
            SELECT stat_date, 'direct' AS scope, agent_id, max(other) FILTER (WHERE other < stat_date) AS before
            FROM other_days GROUP BY stat_date, player_id, agent_id HAVING max(other) = stat_date
            UNION ALL
            SELECT o.stat_date, 'team', u.top, max(o.other) FILTER (WHERE o.other < o.stat_date)
            FROM other_days o JOIN above u USING (agent_id)
            GROUP BY o.stat_date, o.player_id, u.top HAVING max(o.other) = o.stat_date
        ), counted AS MATERIALIZED (
            SELECT stat_date, scope, agent_id, gap, sum(players)::bigint AS players
            FROM (SELECT stat_date, 'direct' AS scope, agent_id, coalesce(gap, 92) AS gap, players FROM straight
                  UNION ALL
                  SELECT s.stat_date, 'team', u.top, coalesce(s.gap, 92), sum(s.players)
                  FROM straight s JOIN above u USING (agent_id) GROUP BY 1, 2, 3, 4
                  UNION ALL
                  SELECT stat_date, scope, agent_id, coalesce(stat_date - before, 92), count(*)
                  FROM of_player GROUP BY 1, 2, 3, 4) AS parts
            GROUP BY 1, 2, 3, 4
        ), stored AS (
            -- What was known before the days to look back on were dropped.
            SELECT o.stat_date, o.scope, o.agent_id, u.gap,
                   u.players - coalesce(lead(u.players) OVER of_day, 0) AS players
            FROM agent_active_daily o CROSS JOIN LATERAL unnest(o.gaps, o.players) AS u (gap, players)
            WHERE o.brand_id = $1 AND o.stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND o.stat_date - 91 < (SELECT kept_from FROM span)
            WINDOW of_day AS (PARTITION BY o.stat_date, o.scope, o.agent_id ORDER BY u.gap)
        ), too_far AS (
            SELECT stat_date, scope, agent_id, gap, players,
                   sum(players) OVER (PARTITION BY stat_date, scope, agent_id ORDER BY gap) AS so_far
            FROM stored WHERE gap < 92 AND gap > stat_date - (SELECT kept_from FROM span)
        ), remembered AS (
            SELECT f.stat_date, f.scope, f.agent_id, f.gap,
                   least(f.so_far, c.players) - least(f.so_far - f.players, c.players) AS players
            FROM too_far f JOIN counted c USING (stat_date, scope, agent_id) WHERE c.gap = 92
        ), gaps AS (
            SELECT stat_date, scope, agent_id, gap, sum(players) AS players
            FROM (SELECT * FROM counted UNION ALL SELECT * FROM remembered
                  UNION ALL SELECT stat_date, scope, agent_id, 92, -sum(players) FROM remembered GROUP BY 1, 2, 3) AS known
            GROUP BY 1, 2, 3, 4 HAVING sum(players) > 0
        ), fresh AS MATERIALIZED (
            SELECT stat_date, scope, agent_id, array_agg(gap::smallint ORDER BY gap) AS gaps,
                   array_agg(players ORDER BY gap) AS players
            FROM (SELECT stat_date, scope, agent_id, gap,
                         (sum(players) OVER (PARTITION BY stat_date, scope, agent_id ORDER BY gap DESC))::integer AS players
                  FROM gaps) AS summed
            GROUP BY stat_date, scope, agent_id
        ), gone AS (
            DELETE FROM agent_active_daily s
            WHERE s.brand_id = $1 AND s.stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND (s.stat_date, s.agent_id, s.scope) NOT IN (SELECT stat_date, agent_id, scope FROM fresh)
        )
        INSERT INTO agent_active_daily AS s (stat_date, brand_id, agent_id, scope, gaps, players)
        SELECT stat_date, $1, agent_id, scope, gaps, players FROM fresh
        ON CONFLICT (brand_id, agent_id, scope, stat_date) DO UPDATE
        SET gaps = excluded.gaps, players = excluded.players
        WHERE (s.gaps, s.players) IS DISTINCT FROM (excluded.gaps, excluded.players)
        "#,
        brand.0,
        first,
        last,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
