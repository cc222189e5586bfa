//! Agents' days by provider, and what the agents earned on them (Q-26).
//!
//! What an agent earned with a provider on a day: on its own players its share of the net win, on
//! the team of each direct sub the difference between its share and the sub's. Net win is the bets
//! less wins, bonuses, fees and royalties; who has no share has one of 0. Nothing is cut off at 0.
//! It is rounded here and nowhere else, to four decimals, half away from zero.

use agent_domain::BrandId;
use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::error::DbError;

/// Computes the days anew from the players' days and leaves alone what was right; days whose
/// players' days were dropped stay. Gives the number of rows written.
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
        ), direct AS MATERIALIZED (
            SELECT stat_date, agent_id, provider_id, sum(bet_amount) AS bet, sum(valid_bet_amount) AS valid_bet,
                   sum(win_amount) AS win, sum(bonus_amount) AS bonus, sum(fee_amount) AS fee,
                   sum(royalty_amount) AS royalty,
                   sum(bet_amount - win_amount - bonus_amount - fee_amount - royalty_amount) AS net
            FROM player_stat_daily
            WHERE brand_id = $1 AND stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND provider_id <> 0
            GROUP BY stat_date, agent_id, provider_id
        ), above AS MATERIALIZED (
            -- Every agent with itself and those above.
            SELECT a.guid AS agent_id, top::bigint
            FROM agent a CROSS JOIN LATERAL unnest(string_to_array(trim(BOTH '/' FROM a.path), '/')) AS top
            WHERE a.guid IN (SELECT agent_id FROM direct)
        ), team AS (
            SELECT d.stat_date, u.top AS agent_id, d.provider_id, sum(d.bet) AS bet, sum(d.valid_bet) AS valid_bet,
                   sum(d.win) AS win, sum(d.bonus) AS bonus, sum(d.fee) AS fee, sum(d.royalty) AS royalty,
                   sum(d.net) AS net
            FROM direct d JOIN above u USING (agent_id)
            GROUP BY d.stat_date, u.top, d.provider_id
        ), shared AS MATERIALIZED (
            SELECT t.*, a.parent_guid, provider_share(t.agent_id, $1, t.provider_id, t.stat_date) AS share
            FROM team t JOIN agent a ON a.guid = t.agent_id
        ), passed_on AS (
            -- What the agents directly below have a part in.
            SELECT stat_date, parent_guid AS agent_id, provider_id, sum(net * share) AS part
            FROM shared GROUP BY stat_date, parent_guid, provider_id
        ), fresh AS MATERIALIZED (
            SELECT d.stat_date, 'direct' AS scope, d.agent_id, d.provider_id, d.bet, d.valid_bet, d.win, d.bonus, d.fee,
                   d.royalty, round(d.net * s.share * 0.01, 4) AS income
            FROM direct d JOIN shared s USING (stat_date, agent_id, provider_id)
            UNION ALL
            SELECT s.stat_date, 'team', s.agent_id, s.provider_id, s.bet, s.valid_bet, s.win, s.bonus, s.fee,
                   s.royalty, round((s.net * s.share - coalesce(p.part, 0)) * 0.01, 4)
            FROM shared s LEFT JOIN passed_on p USING (stat_date, agent_id, provider_id)
        ), gone AS (
            DELETE FROM agent_provider_stat_daily s
            WHERE s.brand_id = $1 AND s.stat_date BETWEEN (SELECT first FROM span) AND (SELECT last FROM span)
              AND (s.stat_date, s.agent_id, s.scope, s.provider_id) NOT IN
                  (SELECT stat_date, agent_id, scope, provider_id FROM fresh)
        )
        INSERT INTO agent_provider_stat_daily AS s (stat_date, brand_id, agent_id, scope, provider_id, bet_amount,
                   valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount, income)
        SELECT stat_date, $1, agent_id, scope, provider_id, bet, valid_bet, win, bonus, fee, royalty, income FROM fresh
        ON CONFLICT (brand_id, agent_id, scope, stat_date, provider_id) DO UPDATE
        SET bet_amount = excluded.bet_amount, valid_bet_amount = excluded.valid_bet_amount,
            win_amount = excluded.win_amount, bonus_amount = excluded.bonus_amount, fee_amount = excluded.fee_amount,
            royalty_amount = excluded.royalty_amount, income = excluded.income
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
