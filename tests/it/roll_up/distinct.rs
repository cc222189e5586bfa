//! Players active in a range, each counted once, as the dashboard shows them.

use agent_testkit::{AgentFixture, BrandFixture, Session, TestApp};
use chrono::{Days, NaiveDate};
use serde_json::Value;

use super::{WAITING, catch_up, dice::Dice};

const PLAYERS: u32 = 12;
/// Days with players' days: twice the longest range and some more.
const DAYS: u32 = 200;

/// Agents below one another and beside, and players that move between them.
struct Scene<'a> {
    app: &'a TestApp,
    brand: BrandFixture,
    agents: Vec<AgentFixture>,
    today: NaiveDate,
    dice: Dice,
}

impl<'a> Scene<'a> {
    async fn set(app: &'a TestApp, seed: u64) -> Self {
        let (brand, other) = (app.brand("a").await, app.brand("b").await);
        let mut agents: Vec<AgentFixture> = Vec::new();
        for (number, above) in [None, Some(0), Some(1), Some(1), Some(0)]
            .into_iter()
            .enumerate()
        {
            let above = above.map(|above: usize| agents[above].guid);
            let name = format!("agent{number}");
            agents.push(app.agent_under(&name, above, &[&brand, &other]).await);
        }
        let today = app.text("SELECT current_date::text").await.parse().unwrap();
        let mut scene = Self {
            app,
            brand,
            agents,
            today,
            dice: Dice::new(seed),
        };
        for player in 1..=PLAYERS {
            scene.player_plays(player).await;
        }
        // Another brand's players have nothing to do with it.
        scene
            .run(&format!(
                "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_count) \
                 SELECT '{today}'::date - g, {}, 999, {}, 1, 1 FROM generate_series(0, 100, 3) AS g",
                other.id, scene.agents[0].guid,
            ))
            .await;
        scene
    }

    async fn run(&self, statement: &str) {
        self.app.as_owner(statement).await;
    }

    /// Now and then, mostly for one agent.
    async fn player_plays(&mut self, player: u32) {
        let (mut rows, mut agent) = (Vec::new(), self.agent());
        let often = 2 + self.dice.below(40);
        for back in 0..DAYS {
            if self.dice.below(often) > 0 {
                continue;
            }
            if self.dice.below(6) == 0 {
                agent = self.agent();
            }
            let provider = self.dice.below(2);
            rows.push(format!(
                "('{}', {provider}, {agent}, {})",
                self.day(back),
                self.dice.below(4)
            ));
            if self.dice.below(8) == 0 {
                let other = self.agent();
                rows.push(format!("('{}', 2, {other}, 1)", self.day(back)));
            }
        }
        rows.push(format!("('{}', 3, {agent}, 1)", self.today));
        self.run(&format!(
            "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_count) \
             SELECT day::date, {}, {player}, agent, provider, bets FROM (VALUES {}) AS v (day, provider, agent, bets)",
            self.brand.id,
            rows.join(", "),
        ))
        .await;
    }

    /// Something about a day of a player that is over.
    async fn correct(&mut self) {
        let (player, day) = (1 + self.dice.below(PLAYERS), self.dice.below(DAYS));
        let (day, agent, brand) = (self.day(day), self.agent(), self.brand.id);
        let statement = match self.dice.below(3) {
            0 => format!(
                "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_count) \
                 VALUES ('{day}', {brand}, {player}, {agent}, 4, 1) ON CONFLICT DO NOTHING"
            ),
            1 => format!(
                "DELETE FROM player_stat_daily WHERE player_id = {player} AND brand_id = {brand} \
                 AND stat_date BETWEEN '{day}'::date - 15 AND '{day}'"
            ),
            _ => format!(
                "UPDATE player_stat_daily SET agent_id = {agent} WHERE player_id = {player} AND brand_id = {brand} \
                 AND stat_date BETWEEN '{day}'::date - 40 AND '{day}'"
            ),
        };
        self.run(&statement).await;
    }

    fn agent(&mut self) -> i64 {
        self.agents[self.dice.below(5) as usize].guid.0
    }

    fn day(&self, back: u32) -> NaiveDate {
        self.today - Days::new(back.into())
    }

    /// By the players' days themselves.
    async fn distinct(
        &self,
        agent: &AgentFixture,
        scope: &str,
        first: NaiveDate,
        last: NaiveDate,
    ) -> i64 {
        let whose = match scope {
            "direct" => format!("s.guid = {}", agent.guid),
            _ => format!(
                "starts_with(s.path, (SELECT path FROM agent WHERE guid = {}))",
                agent.guid
            ),
        };
        let query = format!(
            "SELECT count(DISTINCT d.player_id) FROM player_stat_daily d JOIN agent s ON s.guid = d.agent_id \
             WHERE {whose} AND d.brand_id = {} AND d.stat_date BETWEEN '{first}' AND '{last}' \
               AND (d.bet_count > 0 OR d.deposit_count > 0)",
            self.brand.id,
        );
        self.app.count(&query).await
    }

    async fn assert_all(&mut self, sessions: &[Session<'_>], told: &str) {
        for (number, session) in sessions.iter().enumerate() {
            self.assert_agent(session, number, told).await;
        }
    }

    async fn assert_agent(&mut self, session: &Session<'_>, number: usize, told: &str) {
        let agent = self.agents[number].clone();
        let length = 1 + self.dice.below(92);
        let back = self.dice.below(DAYS - 2 * 92);
        let (first, last) = (self.day(back + length - 1), self.day(back));
        let before = (self.day(back + 2 * length - 1), self.day(back + length));
        for scope in ["direct", "team"] {
            let told = format!("{told}, agent {number} {scope} {first} {last}");
            let query = format!("date_from={first}&date_to={last}&scope={scope}");
            let summary = get(session, &format!("/agent/home/summary?{query}")).await;
            let shown = |period: &str| summary[period]["active_players"].as_i64();
            let expected = self.distinct(&agent, scope, first, last).await;
            assert_eq!(shown("current"), Some(expected), "{told}");
            let expected = self.distinct(&agent, scope, before.0, before.1).await;
            assert_eq!(shown("previous"), Some(expected), "{told}: before");
            for group_by in ["week", "month"] {
                let path = format!("/agent/home/trend?{query}&group_by={group_by}");
                let trend = get(session, &path).await;
                let items = trend["items"].as_array().unwrap();
                let start =
                    |item: &Value| -> NaiveDate { item["date"].as_str().unwrap().parse().unwrap() };
                for (at, item) in items.iter().enumerate() {
                    let until = items
                        .get(at + 1)
                        .map_or(last, |next| start(next) - Days::new(1));
                    let expected = self
                        .distinct(&agent, scope, start(item).max(first), until)
                        .await;
                    assert_eq!(
                        item["active_players"].as_i64(),
                        Some(expected),
                        "{told}: {item}"
                    );
                }
            }
        }
    }
}

async fn get(session: &Session<'_>, path: &str) -> Value {
    let answer = session.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

#[tokio::test]
async fn p028_q97_active_players_of_any_range_are_counted_once() {
    for seed in 1..=2 {
        let app = TestApp::spawn().await;
        let mut scene = Scene::set(&app, seed).await;
        let mut sessions = Vec::new();
        for agent in &scene.agents {
            sessions.push(app.session(agent, &scene.brand).await);
        }
        catch_up(&app).await;
        scene.assert_all(&sessions, &format!("seed {seed}")).await;
        let mut corrected = 0;
        while corrected < 4 {
            scene.correct().await;
            if app.count(WAITING).await == 0 {
                continue;
            }
            corrected += 1;
            catch_up(&app).await;
            let told = format!("seed {seed}, correction {corrected}");
            scene.assert_all(&sessions, &told).await;
        }
        drop(sessions);
        app.finish().await;
    }
}
