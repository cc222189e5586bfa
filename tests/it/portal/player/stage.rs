//! A tree of agents with players, written with the owner's rights.

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use serde_json::Value;

/// The fixtures' brands are in Bangkok, which is seven hours ahead all year.
const BANGKOK: TimeDelta = TimeDelta::hours(7);
pub(super) const LIST: &str = "/agent/player/list";

/// `top` has `child`, who has `grandchild`, and `sibling`; `stranger` is at the top of another tree.
pub(super) struct Tree {
    pub(super) a: BrandFixture,
    pub(super) b: BrandFixture,
    pub(super) top: AgentFixture,
    pub(super) child: AgentFixture,
    pub(super) grandchild: AgentFixture,
    pub(super) sibling: AgentFixture,
    pub(super) stranger: AgentFixture,
}

impl Tree {
    /// All of them serve both brands.
    pub(super) async fn plant(app: &TestApp) -> Self {
        let (a, b) = (app.brand("a").await, app.brand("b").await);
        let both = [&a, &b];
        let top = app.agent("top", &both).await;
        let child = app.agent_under("child", Some(top.guid), &both).await;
        let grandchild = app.agent_under("grandchild", Some(child.guid), &both).await;
        let sibling = app.agent_under("sibling", Some(top.guid), &both).await;
        let stranger = app.agent("stranger", &both).await;
        Self {
            a,
            b,
            top,
            child,
            grandchild,
            sibling,
            stranger,
        }
    }

    pub(super) async fn login<'a>(&self, app: &'a TestApp, agent: &AgentFixture) -> Session<'a> {
        app.login(&self.a.host, &agent.username, &agent.password)
            .await
    }
}

/// A player to be; what matters to a test is set in it.
pub(super) struct NewPlayer<'a> {
    pub(super) id: i64,
    pub(super) username: &'a str,
    pub(super) status: &'a str,
    pub(super) tags: &'a [&'a str],
    pub(super) registered: DateTime<Utc>,
    pub(super) last_login: Option<DateTime<Utc>>,
    pub(super) deposited: i64,
}

pub(super) fn player(id: i64, username: &str) -> NewPlayer<'_> {
    NewPlayer {
        id,
        username,
        status: "active",
        tags: &[],
        registered: instant("2026-01-01T00:00:00Z"),
        last_login: None,
        deposited: 0,
    }
}

impl NewPlayer<'_> {
    pub(super) async fn of(self, app: &TestApp, brand: &BrandFixture, agent: &AgentFixture) {
        sqlx::query(
            "INSERT INTO player (player_id, brand_id, agent_id, username, status, tags, registered_at, attributed_at, \
                                 attribution, last_login_at, deposit_amount, withdraw_amount) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7, '{\"domain\": \"play.test\", \"source\": \"x\"}', $8, $9, $9 / 2)",
        )
        .bind(self.id)
        .bind(brand.id.0)
        .bind(agent.guid.0)
        .bind(self.username)
        .bind(self.status)
        .bind(self.tags)
        .bind(self.registered)
        .bind(self.last_login)
        .bind(self.deposited)
        .execute(&app.owner)
        .await
        .unwrap();
    }
}

/// Whoever moves a player writes its agent alone.
pub(super) async fn move_player(app: &TestApp, id: i64, to: Option<&AgentFixture>) {
    sqlx::query("UPDATE player SET agent_id = $2 WHERE player_id = $1")
        .bind(id)
        .bind(to.map(|agent| agent.guid.0))
        .execute(&app.owner)
        .await
        .unwrap();
}

/// A day of a player: the stake is bet, half of it is won, a tenth of it was paid in.
pub(super) async fn played(
    app: &TestApp,
    brand: &BrandFixture,
    agent: &AgentFixture,
    id: i64,
    day: NaiveDate,
    provider: i32,
    stake: i64,
) {
    sqlx::query(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_amount, \
             deposit_count, withdraw_amount, withdraw_count, bet_amount, bet_count, valid_bet_amount, win_amount, \
             bonus_amount, fee_amount, royalty_amount) \
         VALUES ($1, $2, $3, $4, $5, $6::numeric / 10, 1, $6::numeric / 20, 2, $6, 3, $6 - 1, $6::numeric / 2, 1, 2, 3)",
    )
    .bind(day)
    .bind(brand.id.0)
    .bind(id)
    .bind(agent.guid.0)
    .bind(provider)
    .bind(stake)
    .execute(&app.owner)
    .await
    .unwrap();
}

pub(super) fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// The brands' calendar day.
pub(super) fn today(app: &TestApp) -> NaiveDate {
    (app.clock.now() + BANGKOK).date_naive()
}

pub(super) fn days_ago(app: &TestApp, days: u64) -> NaiveDate {
    today(app) - Days::new(days)
}

/// Asks both the route and its old path, which answer alike.
pub(super) async fn ask(session: &Session<'_>, path: &str) -> Answer {
    let new = session.get(path).await;
    let old = session.get(path.trim_start_matches("/agent")).await;
    let without_id = |answer: &Answer| {
        let mut body = answer.body.clone();
        body.as_object_mut().map(|body| body.remove("request_id"));
        (answer.status, body)
    };
    assert_eq!(without_id(&new), without_id(&old), "{path}");
    new
}

/// The numbers of the players that a list shows.
#[track_caller]
pub(super) fn ids(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap();
    let id = |item: &Value| item["player_id"].as_i64().unwrap();
    items.iter().map(id).collect()
}

pub(super) async fn listed(session: &Session<'_>, query: &str) -> Vec<i64> {
    ids(&ask(session, &format!("{LIST}?{query}")).await)
}
