//! Players' days summed up to their agents' days (Q-97): each agent's own players (`direct`), and
//! with those of everybody below (`team`).
//!
//! What an agent earned on a day: on its own players its share of each provider's net win, on the
//! team of each direct sub the difference between its share and the sub's. Net win is the bets
//! less wins, bonuses, fees and royalties; who has no share has one of 0. What all agents of a line
//! earn is then what the share of the one at its top makes, whoever stands between. Nothing is cut
//! off at 0; only sums are rounded, to four decimals, half away from zero.

use std::time::Duration;

use agent_domain::BrandId;
use chrono::NaiveDate;
use sqlx::{PgConnection, PgPool};

use crate::{error::DbError, recount::recount, tx::Tx};

/// Marks looked at in one go: many may tell of the same few days.
const MARKS: i64 = 100_000;

/// A calendar day of a brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrandDay {
    pub brand: BrandId,
    pub day: NaiveDate,
}

/// Days that changed since they were summed up, the longest waiting first.
///
/// # Errors
/// The statement failed.
pub async fn dirty_days(pool: &PgPool) -> Result<Vec<BrandDay>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT brand_id, stat_date
        FROM (SELECT id, brand_id, stat_date FROM stat_dirty ORDER BY id LIMIT $1) AS oldest
        GROUP BY brand_id, stat_date ORDER BY min(id)
        "#,
        MARKS,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| BrandDay {
            brand: BrandId(row.brand_id),
            day: row.stat_date,
        })
        .collect())
}

/// Sets limits of the transaction: a day of a large brand takes longer than a request may, and is
/// read by plans for many rows.
///
/// # Errors
/// The statement failed.
pub async fn prepare(tx: &mut Tx, timeout: Duration) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        SELECT set_config('statement_timeout', $1, true) AS timeout, set_config('enable_seqscan', 'on', true) AS scans,
               set_config('enable_bitmapscan', 'on', true) AS bitmaps, set_config('work_mem', '64MB', true) AS memory
        "#,
        timeout.as_millis().to_string(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// Makes the day the transaction's own; `false` when another worker has it.
///
/// # Errors
/// The statement failed.
pub async fn claim(tx: &mut Tx, day: BrandDay) -> Result<bool, DbError> {
    let claimed = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('roll_up ' || $1::bigint || ' ' || $2::date, 0)) AS "own!""#,
        day.brand.0,
        day.day,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(claimed)
}

/// Takes the marks of a day that are to be seen now. They come back if the transaction fails; what
/// commits later has a mark of its own, so this comes before [`sum_up`]. Gives their number.
///
/// # Errors
/// The statement failed.
pub async fn take_marks(tx: &mut Tx, day: BrandDay) -> Result<u64, DbError> {
    let taken = sqlx::query!(
        "DELETE FROM stat_dirty WHERE brand_id = $1 AND stat_date = $2",
        day.brand.0,
        day.day,
    )
    .execute(tx.conn())
    .await?;
    Ok(taken.rows_affected())
}

/// As [`sum_up`] for one day, within the job's transaction.
///
/// # Errors
/// The statement failed.
pub async fn sum_up_day(tx: &mut Tx, day: BrandDay) -> Result<u64, DbError> {
    sum_up(tx.conn(), day.brand, day.day, day.day).await
}

/// Computes the agents' days of a brand from `first` to `last` anew from the players' days and
/// leaves alone what was right. Of days whose players' days were dropped only the counts of who
/// came are computed anew. Gives the number of rows written.
///
/// # Errors
/// The statement failed.
pub async fn sum_up(
    conn: &mut PgConnection,
    brand: BrandId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<u64, DbError> {
    let recounted = recount(&mut *conn, brand, first, last).await?;
    let done = sqlx::query!(
        r#"
        WITH span AS (
            SELECT greatest($2::date, (SELECT kept_from FROM stat_horizon)) AS first, $3::date AS last
        ), played AS (
            SELECT stat_date, agent_id, provider_id, sum(deposit_amount) AS deposit_amount,
                   sum(deposit_count) AS deposit_count, sum(withdraw_amount) AS withdraw_amount,
                   sum(withdraw_count) AS withdraw_count, sum(bet_amount) AS bet_amount, sum(bet_count) AS bet_count,
                   sum(valid_bet_amount) AS valid_bet_amount, sum(win_amount) AS win_amount,
                   sum(bonus_amount) AS bonus_amount, sum(fee_amount) AS fee_amount,
                   sum(royalty_amount) AS royalty_amount
            FROM player_stat_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
            GROUP BY stat_date, agent_id, provider_id
        ), cash AS (
            SELECT stat_date, agent_id, sum(deposit_amount) AS deposit_amount, sum(deposit_count) AS deposit_count,
                   sum(withdraw_amount) AS withdraw_amount, sum(withdraw_count) AS withdraw_count,
                   sum(bet_amount) AS bet_amount, sum(bet_count) AS bet_count,
                   sum(valid_bet_amount) AS valid_bet_amount, sum(win_amount) AS win_amount,
                   sum(bonus_amount) AS bonus_amount, sum(fee_amount) AS fee_amount,
                   sum(royalty_amount) AS royalty_amount
            FROM played GROUP BY stat_date, agent_id
        ), active AS (
            SELECT stat_date, player_id, agent_id
            FROM player_stat_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND (bet_count > 0 OR deposit_count > 0)
            GROUP BY stat_date, player_id, agent_id
        ), present AS (
            SELECT stat_date, agent_id, count(*) AS active_players FROM active GROUP BY stat_date, agent_id
        ), moved AS (
            -- Played for more than one agent on one day: whoever is above several counts them once.
            SELECT stat_date, player_id, unnest(array_agg(agent_id)) AS agent_id
            FROM active GROUP BY stat_date, player_id HAVING count(*) > 1
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
            FROM cash FULL JOIN present USING (stat_date, agent_id) FULL JOIN registered USING (stat_date, agent_id)
            FULL JOIN paid_in USING (stat_date, agent_id) FULL JOIN recruited USING (stat_date, agent_id)
        ), above AS MATERIALIZED (
            -- Every agent with itself and those above, and for each of these the next one below.
            SELECT a.guid AS agent_id, line.chain[step] AS top, line.chain[step + 1] AS next_below
            FROM agent a
            CROSS JOIN LATERAL (SELECT string_to_array(trim(BOTH '/' FROM a.path), '/')::bigint[] AS chain) AS line
            CROSS JOIN LATERAL generate_subscripts(line.chain, 1) AS step
            WHERE a.guid IN (SELECT agent_id FROM direct)
        ), won AS (
            SELECT p.stat_date, p.provider_id, u.top, u.next_below,
                   sum(p.bet_amount - p.win_amount - p.bonus_amount - p.fee_amount - p.royalty_amount) AS amount
            FROM played p JOIN above u USING (agent_id)
            WHERE p.provider_id <> 0
            GROUP BY p.stat_date, p.provider_id, u.top, u.next_below
        ), earned AS (
            SELECT stat_date, top,
                   round(sum(amount * (provider_share(top, $1, provider_id, stat_date)
                             - CASE WHEN next_below IS NULL THEN 0
                                    ELSE provider_share(next_below, $1, provider_id, stat_date) END)) * 0.01, 4) AS team,
                   round(sum(amount * provider_share(top, $1, provider_id, stat_date))
                         FILTER (WHERE next_below IS NULL) * 0.01, 4) AS direct
            FROM won GROUP BY stat_date, top
        ), counted_twice AS (
            SELECT m.stat_date, u.top, count(*) - count(DISTINCT m.player_id) AS surplus
            FROM moved m JOIN above u USING (agent_id) GROUP BY m.stat_date, u.top
        ), fresh AS MATERIALIZED (
            SELECT d.stat_date, 'direct' AS scope, d.agent_id, d.new_players, d.new_subs, d.active_players, d.ftd_count,
                   d.ftd_amount, d.deposit_amount, d.deposit_count, d.withdraw_amount, d.withdraw_count, d.bet_amount,
                   d.bet_count, d.valid_bet_amount, d.win_amount, d.bonus_amount, d.fee_amount, d.royalty_amount,
                   coalesce(e.direct, 0) AS commission
            FROM direct d LEFT JOIN earned e ON e.stat_date = d.stat_date AND e.top = d.agent_id
            UNION ALL
            SELECT t.stat_date, 'team', t.top, t.new_players, t.new_subs, t.active_players - coalesce(c.surplus, 0),
                   t.ftd_count, t.ftd_amount, t.deposit_amount, t.deposit_count, t.withdraw_amount, t.withdraw_count,
                   t.bet_amount, t.bet_count, t.valid_bet_amount, t.win_amount, t.bonus_amount, t.fee_amount,
                   t.royalty_amount, coalesce(e.team, 0)
            FROM (SELECT d.stat_date, u.top, sum(d.new_players)::bigint AS new_players, sum(d.new_subs)::bigint AS new_subs,
                         sum(d.active_players)::bigint AS active_players, sum(d.ftd_count)::bigint AS ftd_count,
                         sum(d.ftd_amount) AS ftd_amount, sum(d.deposit_amount) AS deposit_amount,
                         sum(d.deposit_count)::bigint AS deposit_count, sum(d.withdraw_amount) AS withdraw_amount,
                         sum(d.withdraw_count)::bigint AS withdraw_count, sum(d.bet_amount) AS bet_amount,
                         sum(d.bet_count)::bigint AS bet_count, sum(d.valid_bet_amount) AS valid_bet_amount,
                         sum(d.win_amount) AS win_amount, sum(d.bonus_amount) AS bonus_amount,
                         sum(d.fee_amount) AS fee_amount, sum(d.royalty_amount) AS royalty_amount
                  FROM direct d JOIN above u USING (agent_id) GROUP BY d.stat_date, u.top) AS t
            LEFT JOIN earned e ON e.stat_date = t.stat_date AND e.top = t.top
            LEFT JOIN counted_twice c ON c.stat_date = t.stat_date AND c.top = t.top
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
    Ok(recounted + done.rows_affected())
}

/// Makes the months around today and, with a retention time, drops months that are over. Tells
/// (made, dropped).
///
/// # Errors
/// A statement failed.
pub async fn maintain_partitions(
    pool: &PgPool,
    months_kept: Option<i32>,
) -> Result<(i32, i32), DbError> {
    let made =
        sqlx::query_scalar!(r#"SELECT player_stat_daily_ensure_partitions(1, 2) AS "made!""#)
            .fetch_one(pool)
            .await?;
    let Some(months) = months_kept else {
        return Ok((made, 0));
    };
    let dropped = sqlx::query_scalar!(
        r#"SELECT player_stat_daily_drop_expired($1) AS "dropped!""#,
        months
    )
    .fetch_one(pool)
    .await?;
    Ok((made, dropped))
}
