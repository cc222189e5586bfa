//! Income as its definition says, worked out row by row.

use std::collections::BTreeMap;

use agent_domain::Money;
use agent_testkit::{AgentFixture, BrandFixture, TestApp};
use chrono::NaiveDate;
use rust_decimal::{Decimal, RoundingStrategy};
use serde_json::{Value, json};

/// What one player did with one provider on one day.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) day: NaiveDate,
    pub(super) player: i64,
    /// Number of the direct agent in [`Books::agents`].
    pub(super) agent: usize,
    pub(super) provider: i32,
    /// Bet, valid bet, win, bonus, fee, royalty.
    pub(super) amounts: [Decimal; 6],
}

pub(super) struct Shared {
    pub(super) agent: usize,
    pub(super) provider: i32,
    pub(super) from: NaiveDate,
    pub(super) percentage: Decimal,
}

#[derive(Default)]
pub(super) struct Books {
    pub(super) agents: Vec<AgentFixture>,
    pub(super) parents: Vec<Option<usize>>,
    pub(super) shares: Vec<Shared>,
    pub(super) played: Vec<Played>,
}

impl Books {
    fn share(&self, agent: usize, provider: i32, day: NaiveDate) -> Decimal {
        let of = |share: &&Shared| {
            share.agent == agent && share.provider == provider && share.from <= day
        };
        let last = self.shares.iter().filter(of).max_by_key(|share| share.from);
        last.map_or(Decimal::ZERO, |share| share.percentage)
    }

    /// What share of a row goes to `agent`; `None` when the row is none of its players'.
    fn part(&self, agent: usize, row: &Played, team: bool) -> Option<Decimal> {
        let own = self.share(agent, row.provider, row.day);
        if row.agent == agent {
            return Some(own);
        }
        let mut below = row.agent;
        while let Some(above) = self.parents[below] {
            if above == agent {
                return team.then(|| own - self.share(below, row.provider, row.day));
            }
            below = above;
        }
        None
    }

    /// Totals by provider and of all, as the API shows them.
    pub(super) fn income(
        &self,
        agent: usize,
        (first, last): (NaiveDate, NaiveDate),
        team: bool,
    ) -> (BTreeMap<i32, Value>, Value) {
        let mut sums: BTreeMap<i32, [Decimal; 6]> = BTreeMap::new();
        let mut earned: BTreeMap<(i32, NaiveDate), Decimal> = BTreeMap::new();
        for row in self.played.iter().filter(|row| row.provider != 0) {
            let Some(part) = self.part(agent, row, team) else {
                continue;
            };
            if row.day < first || row.day > last {
                continue;
            }
            let sums = sums.entry(row.provider).or_default();
            for (sum, amount) in sums.iter_mut().zip(row.amounts) {
                *sum += amount;
            }
            let [bet, _, win, bonus, fee, royalty] = row.amounts;
            *earned.entry((row.provider, row.day)).or_default() +=
                (bet - win - bonus - fee - royalty) * part / Decimal::ONE_HUNDRED;
        }
        let income = |of: Option<i32>| -> Decimal {
            let asked = earned
                .iter()
                .filter(|((id, _), _)| of.is_none_or(|of| of == *id));
            asked.map(|(_, earned)| fixed(*earned)).sum()
        };
        let mut all = [Decimal::ZERO; 6];
        for (sum, more) in sums.values().flat_map(|sums| sums.iter().enumerate()) {
            all[sum] += more;
        }
        let by_provider = sums
            .iter()
            .map(|(id, sums)| (*id, shown(sums, income(Some(*id)))));
        (by_provider.collect(), shown(&all, income(None)))
    }

    pub(super) fn percentage(&self, agent: usize, provider: i32, day: NaiveDate) -> Value {
        json!(Money(self.share(agent, provider, day)))
    }

    pub(super) async fn store(&self, app: &TestApp, brand: &BrandFixture) {
        for share in &self.shares {
            let (agent, percentage) = (&self.agents[share.agent], share.percentage.to_string());
            super::stage::share(app, brand, agent, share.provider, share.from, &percentage).await;
        }
        for row in &self.played {
            let statement = "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, \
                 valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
            let mut query = sqlx::query(statement)
                .bind(row.day)
                .bind(brand.id.0)
                .bind(row.player)
                .bind(self.agents[row.agent].guid.0)
                .bind(row.provider);
            for amount in row.amounts {
                query = query.bind(amount);
            }
            query.execute(&app.owner).await.unwrap();
        }
        super::stage::roll_up(app).await;
    }
}

/// Fixed for each provider and day.
fn fixed(earned: Decimal) -> Decimal {
    earned.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero)
}

fn shown(sums: &[Decimal; 6], income: Decimal) -> Value {
    let [bet, valid_bet, win, bonus, fee, royalty] = *sums;
    json!({
        "bet": Money(bet), "valid_bet": Money(valid_bet), "win_loss": Money(bet - win), "bonus": Money(bonus),
        "fee": Money(fee), "royalty": Money(royalty), "ngr": Money(bet - win - bonus - fee - royalty),
        "income": Money(income),
    })
}
