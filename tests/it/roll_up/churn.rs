//! Changes of all that the numbers depend on, drawn by chance.

use agent_testkit::TestApp;
use chrono::{Days, NaiveDate};

use super::dice::Dice;

const AGENTS: u32 = 9;
const PLAYERS: u32 = 8;
const PROVIDERS: u32 = 3;

/// Two brands, agents in a random tree, players at random, none of whom did anything yet.
pub(super) struct Churn {
    dice: Dice,
    brands: Vec<i64>,
    today: NaiveDate,
    agents: Vec<i64>,
}

impl Churn {
    pub(super) async fn begin(app: &TestApp, seed: u64) -> Self {
        let (a, b) = (app.brand("a").await, app.brand("b").await);
        // There a day has two midnights in autumn.
        app.as_owner("UPDATE brand SET timezone = 'America/Havana' WHERE code = 'b'")
            .await;
        app.as_owner("INSERT INTO provider (provider_id, code, name, category) SELECT g, 'p' || g, 'P', 'slot' FROM generate_series(1, 2) AS g")
            .await;
        let mut churn = Self {
            dice: Dice::new(seed),
            brands: vec![a.id.0, b.id.0],
            today: app.app.core.clock.now().date_naive(),
            agents: Vec::new(),
        };
        for _ in 0..AGENTS {
            churn.recruit(app).await;
        }
        for player in 1..=PLAYERS {
            let (brand, agent) = (churn.brand_of(player), churn.agent());
            let at = churn.moment();
            app.as_owner(&format!(
                "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
                 VALUES ({player}, {brand}, {agent}, 'p{player}', {at})"
            ))
            .await;
        }
        churn
    }

    /// One change of some kind.
    pub(super) async fn change(&mut self, app: &TestApp) {
        let statement = match self.dice.below(16) {
            0..=5 => self.play(),
            6 => {
                let (player, amount) = (self.player(), self.amount());
                format!(
                    "UPDATE player_stat_daily SET win_amount = win_amount + {amount} WHERE player_id = {player}"
                )
            }
            7 => {
                let (player, day) = (self.player(), self.any_day());
                format!(
                    "DELETE FROM player_stat_daily WHERE player_id = {player} AND stat_date = '{day}'"
                )
            }
            8 => {
                let (player, agent) = (self.player(), self.agent());
                format!(
                    "UPDATE player SET agent_id = nullif({agent}, {}) WHERE player_id = {player}",
                    self.agents[0]
                )
            }
            9 => {
                let (player, at) = (self.player(), self.moment());
                format!("UPDATE player SET registered_at = {at} WHERE player_id = {player}")
            }
            10 => {
                let (player, at, none) = (self.player(), self.moment(), self.dice.below(4) == 0);
                format!(
                    "UPDATE player SET first_deposit_at = CASE WHEN NOT {none} THEN {at} END WHERE player_id = {player}"
                )
            }
            11 => self.share(),
            12 => {
                let (agent, at) = (self.agent(), self.moment());
                let brand = self.brands[1];
                format!(
                    "UPDATE agent SET created_at = {at} WHERE guid = {agent}; \
                     DELETE FROM agent_brand WHERE agent_id = {agent} AND brand_id = {brand}"
                )
            }
            13 => {
                let (player, agent) = (self.player(), self.agent());
                format!(
                    "UPDATE player_stat_daily SET agent_id = {agent} WHERE player_id = {player}"
                )
            }
            14 => {
                let player = self.player();
                format!(
                    "UPDATE player_stat_daily SET bet_count = 1 - least(bet_count, 1), deposit_count = 0 \
                     WHERE player_id = {player}"
                )
            }
            _ => return self.recruit(app).await,
        };
        app.as_owner(&statement).await;
    }

    fn play(&mut self) -> String {
        let (player, day, agent) = (self.player(), self.any_day(), self.agent());
        let (brand, provider) = (self.brand_of(player), self.dice.below(PROVIDERS));
        let amounts: Vec<String> = (0..8).map(|_| self.amount()).collect();
        let counts: Vec<String> = (0..3).map(|_| self.dice.below(3).to_string()).collect();
        format!(
            "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_amount, \
                    withdraw_amount, bet_amount, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount, \
                    deposit_count, withdraw_count, bet_count) \
             VALUES ('{day}', {brand}, {player}, {agent}, {provider}, {}, {}) \
             ON CONFLICT (stat_date, player_id, provider_id) DO UPDATE \
             SET agent_id = excluded.agent_id, bet_amount = excluded.bet_amount, bet_count = excluded.bet_count",
            amounts.join(", "),
            counts.join(", "),
        )
    }

    fn share(&mut self) -> String {
        let (agent, day) = (self.agent(), self.day());
        let brand = self.brands[self.dice.below(2) as usize];
        let provider = 1 + self.dice.below(PROVIDERS - 1);
        let percentage = f64::from(self.dice.below(1_000_000)) / 10_000.0;
        format!(
            "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
             VALUES ({agent}, {brand}, {provider}, '{day}', {percentage}) \
             ON CONFLICT (agent_id, brand_id, provider_id, effective_from) DO UPDATE SET percentage = excluded.percentage"
        )
    }

    /// One more agent, below another one or at the top, on one brand or both.
    async fn recruit(&mut self, app: &TestApp) {
        let parent = if self.agents.is_empty() || self.dice.below(6) == 0 {
            "NULL".to_owned()
        } else {
            self.agent().to_string()
        };
        let (number, at) = (self.agents.len(), self.moment());
        let both = self.dice.below(2) == 0;
        let statement = format!(
            "WITH made AS (INSERT INTO agent (username, password_hash, parent_guid, invite_code, created_at) \
                           VALUES ('a{number}', '-', {parent}, 'i{number}', {at}) RETURNING guid) \
             SELECT guid FROM made"
        );
        let guid = app.count(&statement).await;
        let brands = if both { 2 } else { 1 };
        for brand in &self.brands[..brands] {
            app.as_owner(&format!(
                "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ({guid}, {brand}, 'enabled')"
            ))
            .await;
        }
        self.agents.push(guid);
    }

    fn player(&mut self) -> u32 {
        1 + self.dice.below(PLAYERS)
    }

    fn brand_of(&self, player: u32) -> i64 {
        self.brands[player as usize % 2]
    }

    fn agent(&mut self) -> i64 {
        let count = u32::try_from(self.agents.len()).unwrap();
        self.agents[self.dice.below(count) as usize]
    }

    /// One of a few days, so that changes meet.
    fn day(&mut self) -> NaiveDate {
        self.today - Days::new(self.dice.below(4).into())
    }

    /// Sometimes one as far back as a report looks, or a bit farther.
    fn any_day(&mut self) -> NaiveDate {
        let back = [0, 0, 0, 5, 31, 60, 90, 91, 92, 95];
        self.day() - Days::new(back[self.dice.below(10) as usize])
    }

    /// An instant of one of those days, often around a midnight.
    fn moment(&mut self) -> String {
        let (day, hour) = (self.day(), self.dice.below(24));
        let minute = self.dice.below(60);
        format!("timestamptz '{day} {hour}:{minute} UTC'")
    }

    /// With all four decimals, and below zero now and then.
    fn amount(&mut self) -> String {
        let (sign, whole) = (self.dice.below(8), self.dice.below(100_000));
        let sign = if sign == 0 { "-" } else { "" };
        format!("{sign}{whole}.{:04}", self.dice.below(10_000))
    }
}
