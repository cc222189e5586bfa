//! What an agent earned by provider (Q-26).

use agent_domain::{BrandScope, page::DayRange, portal::report::StatScope};
use rust_decimal::Decimal;

use super::downline::Downline;
use crate::{error::DbError, tx::Tx};

/// Sums of the players' days. `ngr` is what is left of the bets after wins, bonuses, fees and
/// royalties; `income` is the agent's part of it.
#[derive(Clone, Copy, Debug)]
pub struct IncomeTotals {
    pub bet: Decimal,
    pub valid_bet: Decimal,
    /// Bets less wins: what the house won.
    pub win_loss: Decimal,
    pub bonus: Decimal,
    pub fee: Decimal,
    pub royalty: Decimal,
    pub ngr: Decimal,
    pub income: Decimal,
}

/// Sums of one provider.
#[derive(Clone, Debug)]
pub struct IncomeRow {
    pub provider_id: i32,
    pub code: String,
    pub name: String,
    /// The agent's share on the last day.
    pub percentage: Decimal,
    pub totals: IncomeTotals,
}

/// What was earned over days.
#[derive(Clone, Debug)]
pub struct Income {
    /// Providers that the brand offers, and others that were played in those days.
    pub rows: Vec<IncomeRow>,
    /// Rounded by itself, so it may differ by the last digit from the sum of rounded rows.
    pub totals: IncomeTotals,
}

/// On own players an agent earns its share of the net win, on the team of each direct sub the
/// difference between its share and the sub's, each as it held on the day. Only the sums are
/// rounded: to four decimals, half away from zero.
///
/// # Errors
/// The statement failed or took too long.
pub async fn income(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: &Downline,
    range: DayRange,
    whose: StatScope,
) -> Result<Income, DbError> {
    let rows = sqlx::query!(
        r#"
        WITH played AS (
            -- An agent directly below is the next number in the path; own players have none below.
            SELECT d.stat_date, d.provider_id, nullif(split_part(substr(s.path, length($6) + 1), '/', 1), '')::bigint AS below,
                   sum(d.bet_amount) AS bet, sum(d.valid_bet_amount) AS valid_bet, sum(d.win_amount) AS win,
                   sum(d.bonus_amount) AS bonus, sum(d.fee_amount) AS fee, sum(d.royalty_amount) AS royalty
            FROM agent s JOIN player_stat_daily d ON d.agent_id = s.guid
            WHERE s.path LIKE $6 || '%' AND ($5 OR s.guid = $1)
              AND d.brand_id = $2 AND d.stat_date BETWEEN $3 AND $4 AND d.provider_id <> 0
            GROUP BY d.stat_date, d.provider_id, below
        ), share AS (
            SELECT agent_id, provider_id, percentage, effective_from,
                   lead(effective_from, 1, 'infinity'::date)
                       OVER (PARTITION BY agent_id, provider_id ORDER BY effective_from) AS until
            FROM agent_provider_percentage
            WHERE brand_id = $2
              AND agent_id IN (SELECT $1 UNION ALL SELECT guid FROM agent WHERE parent_guid = $1 AND $5)
        ), earned AS (
            SELECT p.*, p.bet - p.win AS win_loss, p.bet - p.win - p.bonus - p.fee - p.royalty AS ngr,
                   (p.bet - p.win - p.bonus - p.fee - p.royalty)
                       * (coalesce(own.percentage, 0) - coalesce(given.percentage, 0)) AS hundredfold
            FROM played p
            LEFT JOIN share own ON own.agent_id = $1 AND own.provider_id = p.provider_id
             AND p.stat_date >= own.effective_from AND p.stat_date < own.until
            LEFT JOIN share given ON given.agent_id = p.below AND given.provider_id = p.provider_id
             AND p.stat_date >= given.effective_from AND p.stat_date < given.until
        ), total AS (
            SELECT provider_id, sum(bet) AS bet, sum(valid_bet) AS valid_bet, sum(win_loss) AS win_loss,
                   sum(bonus) AS bonus, sum(fee) AS fee, sum(royalty) AS royalty, sum(ngr) AS ngr,
                   round(sum(hundredfold) * 0.01, 4) AS income
            FROM earned GROUP BY GROUPING SETS ((provider_id), ())
        ), shown AS (
            SELECT p.provider_id, p.code, p.name, p.category
            FROM provider p LEFT JOIN brand_provider b ON b.provider_id = p.provider_id AND b.brand_id = $2
            WHERE (b.enabled AND p.enabled) OR p.provider_id IN (SELECT provider_id FROM total)
        )
        SELECT coalesce(s.provider_id, t.provider_id) AS provider_id, coalesce(s.code, t.provider_id::text) AS code,
               coalesce(s.name, t.provider_id::text) AS name,
               provider_share($1, $2, coalesce(s.provider_id, t.provider_id), $4) AS "percentage!",
               coalesce(t.bet, 0) AS "bet!", coalesce(t.valid_bet, 0) AS "valid_bet!",
               coalesce(t.win_loss, 0) AS "win_loss!", coalesce(t.bonus, 0) AS "bonus!", coalesce(t.fee, 0) AS "fee!",
               coalesce(t.royalty, 0) AS "royalty!", coalesce(t.ngr, 0) AS "ngr!", coalesce(t.income, 0) AS "income!"
        FROM total t FULL JOIN shown s ON s.provider_id = t.provider_id
        ORDER BY s.category, s.name, 1
        "#,
        agent.guid().0,
        scope.id().0,
        range.first,
        range.last,
        whose == StatScope::Team,
        agent.path(),
    )
    .fetch_all(tx.conn())
    .await?;
    let (mut found, mut whole) = (Vec::new(), None);
    for row in rows {
        let totals = IncomeTotals {
            bet: row.bet,
            valid_bet: row.valid_bet,
            win_loss: row.win_loss,
            bonus: row.bonus,
            fee: row.fee,
            royalty: row.royalty,
            ngr: row.ngr,
            income: row.income,
        };
        match (row.provider_id, row.code, row.name) {
            (Some(provider_id), Some(code), Some(name)) => found.push(IncomeRow {
                provider_id,
                code,
                name,
                percentage: row.percentage,
                totals,
            }),
            _ => whole = Some(totals),
        }
    }
    Ok(Income {
        rows: found,
        totals: whole.ok_or_else(|| DbError::inconsistent("income without its totals"))?,
    })
}
