//! What players did, day by day.

use agent_domain::page::start_of_day;
use chrono::{DateTime, Duration, NaiveDate, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::{
    dice::Dice,
    players::{DemoPlayer, first_stat_day},
    world::{World, column},
};

/// Rows per statement: larger arrays gain nothing and cost memory.
const CHUNK: usize = 5_000;
/// Marks money in and out, which belongs to no provider.
const CASH: i32 = 0;

/// A row of `player_stat_daily`.
pub(super) struct Day {
    pub(super) day: NaiveDate,
    pub(super) brand: usize,
    player: i64,
    agent: usize,
    provider: i32,
    deposits: (Decimal, i32),
    withdrawals: (Decimal, i32),
    bets: (Decimal, i32),
    valid_bets: Decimal,
    win: Decimal,
    bonus: Decimal,
    fee: Decimal,
    royalty: Decimal,
}

/// Plays the days, and keeps the players' totals in step.
pub(super) fn plan(world: &World, players: &mut [DemoPlayer]) -> Vec<Day> {
    let mut days = Vec::new();
    for player in players.iter_mut().filter(|player| player.plays) {
        // Dice of its own: what one player does changes nothing for the others.
        let mut dice = Dice::of(&player.username);
        if let Some(agent) = player.agent {
            Habit::of(&mut dice).play(world, &mut dice, player, agent, &mut days);
        }
    }
    days
}

struct Habit {
    /// Chance to play on a day.
    percent: i64,
    /// Smallest deposit; bets follow it.
    stake: i64,
    providers: [usize; 2],
}

impl Habit {
    fn of(dice: &mut Dice) -> Self {
        Self {
            percent: dice.between(12, 60),
            stake: dice.pick(&[100, 100, 200, 300, 500, 1_000, 3_000]),
            providers: [dice.below(7), dice.below(7)],
        }
    }

    fn play(
        &self,
        world: &World,
        dice: &mut Dice,
        player: &mut DemoPlayer,
        agent: usize,
        days: &mut Vec<Day>,
    ) {
        let brand = &world.brands[player.brand].brand;
        let today = brand.day_of(world.now);
        let mut day = first_stat_day(world, player.brand).max(brand.day_of(player.registered_at));
        if player.first_deposit_at.is_none() {
            day = (day + Duration::days(dice.between(0, 2))).min(today);
        }
        while day <= today {
            let is_first = player.first_deposit_at.is_none();
            if is_first || dice.percent(self.percent) {
                let at = instant_of(world, dice, player, day);
                if is_first {
                    player.first_deposit_at = Some(at);
                }
                player.last_login_at = Some(at);
                self.cash(dice, player, agent, day, is_first, days);
                self.games(world, dice, player, agent, day, days);
            }
            day += Duration::days(1);
        }
    }

    fn cash(
        &self,
        dice: &mut Dice,
        player: &mut DemoPlayer,
        agent: usize,
        day: NaiveDate,
        is_first: bool,
        days: &mut Vec<Day>,
    ) {
        let mut row = empty(player, agent, day, CASH);
        if is_first || dice.percent(45) {
            let amount = dice.amount(self.stake, self.stake * 8, 50);
            row.deposits = (amount, if dice.percent(20) { 2 } else { 1 });
            row.fee = (amount * Decimal::new(12, 3)).round_dp(2);
            if is_first || dice.percent(15) {
                row.bonus = (amount * Decimal::new(1, 1)).round_dp(2);
            }
        }
        if !is_first && dice.percent(12) {
            row.withdrawals = (
                dice.amount(self.stake, self.stake * 10, 100)
                    .max(100.into()),
                1,
            );
        }
        player.deposited += row.deposits.0;
        player.withdrawn += row.withdrawals.0;
        if row.deposits.1 + row.withdrawals.1 > 0 {
            days.push(row);
        }
    }

    fn games(
        &self,
        world: &World,
        dice: &mut Dice,
        player: &DemoPlayer,
        agent: usize,
        day: NaiveDate,
        days: &mut Vec<Day>,
    ) {
        let [first, second] = self.providers;
        let second = Some(second).filter(|second| *second != first && dice.percent(35));
        for provider in [Some(first), second].into_iter().flatten() {
            let provider = &world.providers[provider];
            let mut row = empty(player, agent, day, provider.id);
            let bet = dice.cents(self.stake, self.stake * 12);
            row.bets = (bet, i32::try_from(dice.between(5, 240)).unwrap_or(5));
            row.valid_bets = (bet * Decimal::new(dice.between(90, 100), 2)).round_dp(2);
            // Now and then a player wins; over many days the house does.
            let returned = if dice.percent(4) {
                dice.between(150, 320)
            } else {
                dice.between(70, 108)
            };
            row.win = (bet * Decimal::new(returned, 2)).round_dp(2);
            row.royalty = ((bet - row.win).max(Decimal::ZERO) * provider.royalty).round_dp(4);
            days.push(row);
        }
    }
}

fn empty(player: &DemoPlayer, agent: usize, day: NaiveDate, provider: i32) -> Day {
    let nothing = (Decimal::ZERO, 0);
    Day {
        day,
        brand: player.brand,
        player: player.id,
        agent,
        provider,
        deposits: nothing,
        withdrawals: nothing,
        bets: nothing,
        valid_bets: Decimal::ZERO,
        win: Decimal::ZERO,
        bonus: Decimal::ZERO,
        fee: Decimal::ZERO,
        royalty: Decimal::ZERO,
    }
}

/// Some moment of the brand's day that is past, and not before the player came.
fn instant_of(
    world: &World,
    dice: &mut Dice,
    player: &DemoPlayer,
    day: NaiveDate,
) -> DateTime<Utc> {
    let timezone = world.brands[player.brand].brand.timezone;
    let from = start_of_day(day, timezone);
    let until = start_of_day(day + Duration::days(1), timezone) - Duration::seconds(1);
    dice.instant(from.max(player.registered_at), until.min(world.now))
}

pub(super) async fn store(
    conn: &mut PgConnection,
    world: &World,
    days: &[Day],
) -> anyhow::Result<()> {
    for chunk in days.chunks(CHUNK) {
        store_chunk(conn, world, chunk).await?;
    }
    Ok(())
}

async fn store_chunk(conn: &mut PgConnection, world: &World, days: &[Day]) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_amount, \
                                        deposit_count, withdraw_amount, withdraw_count, bet_amount, bet_count, \
                                        valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount) \
         SELECT * FROM unnest($1::date[], $2::bigint[], $3::bigint[], $4::bigint[], $5::integer[], $6::numeric[], \
                              $7::integer[], $8::numeric[], $9::integer[], $10::numeric[], $11::integer[], \
                              $12::numeric[], $13::numeric[], $14::numeric[], $15::numeric[], $16::numeric[])",
    )
    .bind(column(days, |d| d.day))
    .bind(column(days, |d| world.brands[d.brand].id()))
    .bind(column(days, |d| d.player))
    .bind(column(days, |d| world.agents[d.agent].guid))
    .bind(column(days, |d| d.provider))
    .bind(column(days, |d| d.deposits.0))
    .bind(column(days, |d| d.deposits.1))
    .bind(column(days, |d| d.withdrawals.0))
    .bind(column(days, |d| d.withdrawals.1))
    .bind(column(days, |d| d.bets.0))
    .bind(column(days, |d| d.bets.1))
    .bind(column(days, |d| d.valid_bets))
    .bind(column(days, |d| d.win))
    .bind(column(days, |d| d.bonus))
    .bind(column(days, |d| d.fee))
    .bind(column(days, |d| d.royalty))
    .execute(conn)
    .await?;
    Ok(())
}
