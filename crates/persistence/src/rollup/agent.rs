//! Agents' days: the sums over everything that happened on them.

use agent_domain::BrandId;
use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::error::DbError;

/// Computes the days anew from the players' days and leaves alone what was right; days whose
/// players' days were dropped stay. Who was active, and what was earned, is read from the other
/// two tables, so that all reports tell the same. Gives the number of rows written.
///
/// # Errors
/// The statement failed.
pub(super) async fn sum_up(
    conn: &mut PgConnection,
    brand: BrandId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        WITH span AS (
            SELECT greatest($2::date, (SELECT kept_from FROM stat_horizon)) AS first, $3::date AS last
        ), cash AS (
            SELECT stat_date, agent_id, sum(deposit_amount) AS deposit_amount, sum(deposit_count) AS deposit_count,
                   sum(withdraw_amount) AS withdraw_amount, sum(withdraw_count) AS withdraw_count,
                   sum(bet_amount) AS bet_amount, sum(bet_count) AS bet_count,
                   sum(valid_bet_amount) AS valid_bet_amount, sum(win_amount) AS win_amount,
                   sum(bonus_amount) AS bonus_amount, sum(fee_amount) AS fee_amount,
                   sum(royalty_amount) AS royalty_amount
            FROM player_stat_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
            GROUP BY stat_date, agent_id
        ), present AS (
            SELECT stat_date, agent_id, scope, players[1]::bigint AS active_players
            FROM agent_active_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
        ), registered AS (
            SELECT (p.registered_at AT TIME ZONE b.timezone)::date AS stat_date, p.agent_id, count(*) AS new_players
            FROM player p JOIN brand b USING (brand_id), span
            WHERE p.brand_id = $1 AND p.agent_id IS NOT NULL
              AND p.registered_at >= span.first::timestamptz - interval '1 day'
              AND p.registered_at < span.last::timestamptz + interval '2 days'
              AND (p.registered_at AT TIME ZONE b.timezone)::date BETWEEN span.first AND span.last
            GROUP BY 1, 2
        ), paid_in AS (
            SELECT f.stat_date, coalesce(s.agent_id, f.agent_id) AS agent_id, count(*) AS ftd_count,
                   coalesce(sum(s.deposit_amount), 0) AS ftd_amount
            FROM (SELECT p.player_id, p.agent_id, (p.first_deposit_at AT TIME ZONE b.timezone)::date AS stat_date
                  FROM player p JOIN brand b USING (brand_id), span
                  WHERE p.brand_id = $1
                    AND p.first_deposit_at >= span.first::timestamptz - interval '1 day'
                    AND p.first_deposit_at < span.last::timestamptz + interval '2 days'
                    AND (p.first_deposit_at AT TIME ZONE b.timezone)::date BETWEEN span.first AND span.last) AS f
            LEFT JOIN player_stat_daily s ON s.stat_date = f.stat_date AND s.player_id = f.player_id
                 AND s.provider_id = 0 AND s.brand_id = $1
                 AND s.stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
            WHERE coalesce(s.agent_id, f.agent_id) IS NOT NULL
            GROUP BY 1, 2
        ), recruited AS (
            SELECT (a.created_at AT TIME ZONE b.timezone)::date AS stat_date, a.parent_guid AS agent_id,
                   count(*) AS new_subs
            FROM agent a JOIN agent_brand m ON m.agent_id = a.guid AND m.brand_id = $1
            JOIN brand b ON b.brand_id = m.brand_id, span
            WHERE a.parent_guid IS NOT NULL AND a.created_at >= span.first::timestamptz - interval '1 day'
              AND a.created_at < span.last::timestamptz + interval '2 days'
              AND (a.created_at AT TIME ZONE b.timezone)::date BETWEEN span.first AND span.last
            GROUP BY 1, 2
        ), direct AS MATERIALIZED (
            SELECT stat_date, agent_id, coalesce(new_players, 0) AS new_players, coalesce(new_subs, 0) AS new_subs,
                   coalesce(active_players, 0) AS active_players, coalesce(ftd_count, 0) AS ftd_count,
                   coalesce(ftd_amount, 0) AS ftd_amount, coalesce(deposit_amount, 0) AS deposit_amount,
                   coalesce(deposit_count, 0) AS deposit_count, coalesce(withdraw_amount, 0) AS withdraw_amount,
                   coalesce(withdraw_count, 0) AS withdraw_count, coalesce(bet_amount, 0) AS bet_amount,
                   coalesce(bet_count, 0) AS bet_count, coalesce(valid_bet_amount, 0) AS valid_bet_amount,
                   coalesce(win_amount, 0) AS win_amount, coalesce(bonus_amount, 0) AS bonus_amount,
                   coalesce(fee_amount, 0) AS fee_amount, coalesce(royalty_amount, 0) AS royalty_amount
            FROM cash FULL JOIN (SELECT * FROM present WHERE scope = 'direct') AS present USING (stat_date, agent_id)
            FULL JOIN registered USING (stat_date, agent_id)
            FULL JOIN paid_in USING (stat_date, agent_id) FULL JOIN recruited USING (stat_date, agent_id)
        ), above AS MATERIALIZED (
            -- Every agent with itself and those above.
            SELECT a.guid AS agent_id, top::bigint
            FROM agent a CROSS JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM a.path), '/')) AS top
            WHERE a.guid IN (SELECT agent_id FROM direct)
        ), earned AS (
            SELECT stat_date, agent_id, scope, sum(income) AS income
            FROM agent_provider_stat_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
            GROUP BY stat_date, agent_id, scope
        ), fresh AS MATERIALIZED (
            SELECT d.stat_date, 'direct' AS scope, d.agent_id, d.new_players, d.new_subs, d.active_players, d.ftd_count,
                   d.ftd_amount, d.deposit_amount, d.deposit_count, d.withdraw_amount, d.withdraw_count, d.bet_amount,
                   d.bet_count, d.valid_bet_amount, d.win_amount, d.bonus_amount, d.fee_amount, d.royalty_amount,
                   coalesce(e.income, 0) AS commission
            FROM direct d LEFT JOIN earned e ON e.stat_date = d.stat_date AND e.agent_id = d.agent_id AND e.scope = 'direct'
            UNION ALL
            SELECT t.stat_date, 'team', t.top, t.new_players, t.new_subs, coalesce(p.active_players, 0),
                   t.ftd_count, t.ftd_amount, t.deposit_amount, t.deposit_count, t.withdraw_amount, t.withdraw_count,
                   t.bet_amount, t.bet_count, t.valid_bet_amount, t.win_amount, t.bonus_amount, t.fee_amount,
                   t.royalty_amount, coalesce(e.income, 0)
            FROM (SELECT d.stat_date, u.top, sum(d.new_players)::bigint AS new_players, sum(d.new_subs)::bigint AS new_subs,
                         sum(d.ftd_count)::bigint AS ftd_count,
                         sum(d.ftd_amount) AS ftd_amount, sum(d.deposit_amount) AS deposit_amount,
                         sum(d.deposit_count)::bigint AS deposit_count, sum(d.withdraw_amount) AS withdraw_amount,
                         sum(d.withdraw_count)::bigint AS withdraw_count, sum(d.bet_amount) AS bet_amount,
                         sum(d.bet_count)::bigint AS bet_count, sum(d.valid_bet_amount) AS valid_bet_amount,
                         sum(d.win_amount) AS win_amount, sum(d.bonus_amount) AS bonus_amount,
                         sum(d.fee_amount) AS fee_amount, sum(d.royalty_amount) AS royalty_amount
                  FROM direct d JOIN above u USING (agent_id) GROUP BY d.stat_date, u.top) AS t
            LEFT JOIN earned e ON e.stat_date = t.stat_date AND e.agent_id = t.top AND e.scope = 'team'
            LEFT JOIN present p ON p.stat_date = t.stat_date AND p.agent_id = t.top AND p.scope = 'team'
        ), gone AS (
            DELETE FROM agent_stat_daily s
            WHERE s.brand_id = $1 AND s.stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND (s.stat_date, s.agent_id, s.scope) NOT IN (SELECT stat_date, agent_id, scope FROM fresh)
        )
        INSERT INTO agent_stat_daily AS s (stat_date, brand_id, agent_id, scope, new_players, new_subs, active_players,
                   ftd_count, ftd_amount, deposit_amount, deposit_count, withdraw_amount, withdraw_count, bet_amount,
                   bet_count, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount, commission)
        SELECT stat_date, $1, agent_id, scope, new_players, new_subs, active_players, ftd_count, ftd_amount,
               deposit_amount, deposit_count, withdraw_amount, withdraw_count, bet_amount, bet_count,
               valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount, commission
        FROM fresh
        ON CONFLICT (brand_id, agent_id, scope, stat_date) DO UPDATE
        SET new_players = excluded.new_players, new_subs = excluded.new_subs,
            active_players = excluded.active_players, ftd_count = excluded.ftd_count,
            ftd_amount = excluded.ftd_amount, deposit_amount = excluded.deposit_amount,
            deposit_count = excluded.deposit_count, withdraw_amount = excluded.withdraw_amount,
            withdraw_count = excluded.withdraw_count, bet_amount = excluded.bet_amount,
            bet_count = excluded.bet_count, valid_bet_amount = excluded.valid_bet_amount,
            win_amount = excluded.win_amount, bonus_amount = excluded.bonus_amount,
            fee_amount = excluded.fee_amount, royalty_amount = excluded.royalty_amount,
            commission = excluded.commission
        WHERE s.* IS DISTINCT FROM excluded.*
        
        "#,
        brand.0,
        first,
        last,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
