//! What an agent earned by provider (Q-26).

use std::iter::Sum;

use agent_domain::{AgentGuid, BrandScope, page::DayRange, portal::report::StatScope};
use rust_decimal::Decimal;

use crate::{error::DbError, pool::Pool};

/// Sums of an agent's days by provider. `income` is fixed per provider and day.
#[derive(Clone, Copy, Debug, Default)]
pub struct IncomeTotals {
    pub bet: Decimal,
    pub valid_bet: Decimal,
    pub win: Decimal,
    pub bonus: Decimal,
    pub fee: Decimal,
    pub royalty: Decimal,
    pub income: Decimal,
}

impl IncomeTotals {
    /// Bets less wins: what the house won.
    #[must_use]
    pub fn win_loss(&self) -> Decimal {
        self.bet - self.win
    }

    /// What is left of [`Self::win_loss`] after bonuses, fees and royalties.
    #[must_use]
    pub fn ngr(&self) -> Decimal {
        self.win_loss() - self.bonus - self.fee - self.royalty
    }
}

impl Sum for IncomeTotals {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            bet: sum.bet + one.bet,
            valid_bet: sum.valid_bet + one.valid_bet,
            win: sum.win + one.win,
            bonus: sum.bonus + one.bonus,
            fee: sum.fee + one.fee,
            royalty: sum.royalty + one.royalty,
            income: sum.income + one.income,
        })
    }
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

/// Sums by provider: of those that the brand offers, and of others that were played in those days.
/// None while some of the days wait to be summed up again, because a version that kept no sums by
/// provider summed them up.
///
/// # Errors
/// The statement failed.
pub async fn income(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    range: DayRange,
    whose: StatScope,
) -> Result<Option<Vec<IncomeRow>>, DbError> {
    // The share is what `provider_share` gives: called for each provider, that takes a third of all this.
    let rows = sqlx::query!(
        r#"
        WITH rebuild AS (
            SELECT EXISTS (SELECT FROM stat_rebuild WHERE brand_id = $2 AND stat_date BETWEEN $3 AND $4) AS waits
        ), total AS (
            SELECT provider_id, sum(bet_amount) AS bet, sum(valid_bet_amount) AS valid_bet, sum(win_amount) AS win,
                   sum(bonus_amount) AS bonus, sum(fee_amount) AS fee, sum(royalty_amount) AS royalty,
                   sum(income) AS income
            FROM agent_provider_stat_daily
            WHERE brand_id = $2 AND agent_id = $1 AND scope = $5 AND stat_date BETWEEN $3 AND $4
            GROUP BY provider_id
        ), shown AS (
            SELECT p.provider_id, p.code, p.name, p.category
            FROM provider p LEFT JOIN brand_provider b ON b.provider_id = p.provider_id AND b.brand_id = $2
            WHERE (b.enabled AND p.enabled) OR p.provider_id IN (SELECT provider_id FROM total)
        ), by_provider AS (
            SELECT s.category, coalesce(s.provider_id, t.provider_id) AS provider_id,
                   coalesce(s.code, t.provider_id::text) AS code, coalesce(s.name, t.provider_id::text) AS name,
                   s.name AS known_name,
                   coalesce((SELECT h.percentage FROM agent_provider_percentage h
                             WHERE h.agent_id = $1 AND h.brand_id = $2 AND h.effective_from <= $4
                               AND h.provider_id = coalesce(s.provider_id, t.provider_id)
                             ORDER BY h.effective_from DESC LIMIT 1), 0) AS percentage,
                   coalesce(t.bet, 0) AS bet, coalesce(t.valid_bet, 0) AS valid_bet, coalesce(t.win, 0) AS win,
                   coalesce(t.bonus, 0) AS bonus, coalesce(t.fee, 0) AS fee, coalesce(t.royalty, 0) AS royalty,
                   coalesce(t.income, 0) AS income
            FROM total t FULL JOIN shown s ON s.provider_id = t.provider_id
        )
        SELECT waits AS "waits!", provider_id AS "provider_id?", code AS "code?", name AS "name?",
               percentage AS "percentage?", bet AS "bet?", valid_bet AS "valid_bet?", win AS "win?",
               bonus AS "bonus?", fee AS "fee?", royalty AS "royalty?", income AS "income?"
        FROM rebuild LEFT JOIN by_provider ON NOT waits
        ORDER BY category, known_name, provider_id
        "#,
        agent.0,
        scope.id().0,
        range.first,
        range.last,
        whose.as_str(),
    )
    .fetch_all(pool)
    .await?;
    if rows.iter().any(|row| row.waits) {
        return Ok(None);
    }
    // The one row without a provider says that there is none.
    let sums = rows.into_iter().filter_map(|row| {
        Some(IncomeRow {
            provider_id: row.provider_id?,
            code: row.code?,
            name: row.name?,
            percentage: row.percentage?,
            totals: IncomeTotals {
                bet: row.bet?,
                valid_bet: row.valid_bet?,
                win: row.win?,
                bonus: row.bonus?,
                fee: row.fee?,
                royalty: row.royalty?,
                income: row.income?,
            },
        })
    });
    Ok(Some(sums.collect()))
}
