//! What can still change about days whose players' days were dropped: who came on them.

use agent_domain::BrandId;
use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::error::DbError;

/// Counts new players and new subs of those days anew and leaves the other numbers as they are.
/// Days that still have players' days are not touched. Gives the number of rows written.
///
/// # Errors
/// The statement failed.
pub(crate) async fn recount(
    conn: &mut PgConnection,
    brand: BrandId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        WITH span AS (
            SELECT $2::date AS first, least($3::date, kept_from - 1) AS last FROM stat_horizon WHERE kept_from > $2
        ), registered AS (
            SELECT (p.registered_at AT TIME ZONE b.timezone)::date AS stat_date, p.agent_id, count(*) AS new_players
            FROM player p JOIN brand b USING (brand_id)
            WHERE p.brand_id = $1 AND p.agent_id IS NOT NULL
              AND p.registered_at >= (SELECT first FROM span)::timestamptz - interval '1 day'
              AND p.registered_at < (SELECT last FROM span)::timestamptz + interval '2 days'
              AND (p.registered_at AT TIME ZONE b.timezone)::date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
            GROUP BY 1, 2
        ), recruited AS (
            SELECT (a.created_at AT TIME ZONE b.timezone)::date AS stat_date, a.parent_guid AS agent_id,
                   count(*) AS new_subs
            FROM agent a JOIN agent_brand m ON m.agent_id = a.guid AND m.brand_id = $1
            JOIN brand b ON b.brand_id = m.brand_id
            WHERE a.parent_guid IS NOT NULL AND a.created_at >= (SELECT first FROM span)::timestamptz - interval '1 day'
              AND a.created_at < (SELECT last FROM span)::timestamptz + interval '2 days'
              AND (a.created_at AT TIME ZONE b.timezone)::date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
            GROUP BY 1, 2
        ), direct AS MATERIALIZED (
            SELECT stat_date, agent_id, coalesce(new_players, 0) AS new_players, coalesce(new_subs, 0) AS new_subs
            FROM registered FULL JOIN recruited USING (stat_date, agent_id)
        ), fresh AS MATERIALIZED (
            SELECT stat_date, agent_id, 'direct' AS scope, new_players, new_subs FROM direct
            UNION ALL
            SELECT d.stat_date, top::bigint, 'team', sum(d.new_players)::bigint, sum(d.new_subs)::bigint
            FROM direct d JOIN agent a ON a.guid = d.agent_id
            CROSS JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM a.path), '/')) AS top
            GROUP BY d.stat_date, top
        ), none AS (
            UPDATE agent_stat_daily s SET new_players = 0, new_subs = 0
            WHERE s.brand_id = $1 AND s.stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND (s.new_players, s.new_subs) <> (0, 0)
              AND (s.stat_date, s.agent_id, s.scope) NOT IN (SELECT stat_date, agent_id, scope FROM fresh)
        )
        INSERT INTO agent_stat_daily AS s (stat_date, brand_id, agent_id, scope, new_players, new_subs)
        SELECT stat_date, $1, agent_id, scope, new_players, new_subs FROM fresh
        ON CONFLICT (brand_id, agent_id, scope, stat_date) DO UPDATE
        SET new_players = excluded.new_players, new_subs = excluded.new_subs
        WHERE (s.new_players, s.new_subs) <> (excluded.new_players, excluded.new_subs)
        "#,
        brand.0,
        first,
        last,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
