//! The dashboard (P-028, P-058).

use std::time::Duration;

use agent_domain::AgentGuid;
use agent_testkit::{AgentFixture, BrandFixture, Session, TestApp};
use agent_worker::{jobs::RollUp, supervisor::Job as _};
use serde_json::{Value, json};

/// Top, its sub, and one below that; a stranger beside them. Each brings in one player.
struct Family {
    app: TestApp,
    brand: BrandFixture,
    top: AgentFixture,
    sub: AgentFixture,
    below: AgentFixture,
    stranger: AgentFixture,
}

impl Family {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let app = TestApp::with(settings).await;
        let brand = app.brand("a").await;
        let top = app.agent("top", &[&brand]).await;
        let sub = app.agent_under("sub", Some(top.guid), &[&brand]).await;
        let below = app.agent_under("below", Some(sub.guid), &[&brand]).await;
        let stranger = app.agent("stranger", &[&brand]).await;
        app.as_owner(
            "INSERT INTO provider (provider_id, code, name, category) VALUES (1, 'p', 'P', 'slot')",
        )
        .await;
        let family = Self {
            app,
            brand,
            top,
            sub,
            below,
            stranger,
        };
        for (agent, percentage) in family.agents().into_iter().zip([50, 40, 30, 60]) {
            let (guid, brand) = (agent.guid, family.brand.id);
            family.app.as_owner(&format!(
                "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
                 VALUES ({guid}, {brand}, 1, '2026-01-01', {percentage}); \
                 INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
                 VALUES ({guid} * 10, {brand}, {guid}, 'player-of-' || {guid}, '2026-03-02 12:00+07')"
            ))
            .await;
        }
        family
    }

    fn agents(&self) -> [&AgentFixture; 4] {
        [&self.top, &self.sub, &self.below, &self.stranger]
    }

    /// The agent's player deposits `amount`, bets it and wins a tenth of it.
    async fn play(&self, agent: &AgentFixture, day: &str, amount: i64) {
        let (guid, brand) = (agent.guid, self.brand.id);
        self.app.as_owner(&format!(
            "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_amount, \
                    deposit_count, bet_amount, bet_count, valid_bet_amount, win_amount) \
             VALUES ('{day}', {brand}, {guid} * 10, {guid}, 0, {amount}, 1, 0, 0, 0, 0), \
                    ('{day}', {brand}, {guid} * 10, {guid}, 1, 0, 0, {amount}, 2, {amount} - 1, {amount} / 10.0)"
        ))
        .await;
    }

    async fn roll_up(&self) {
        let mut job = RollUp::new(self.app.app.core.clone(), Duration::from_secs(15));
        while self.app.count("SELECT count(*) FROM stat_dirty").await > 0 {
            job.step().await.unwrap();
        }
    }

    async fn session(&self, agent: &AgentFixture) -> Session<'_> {
        self.app
            .login(&self.brand.host, &agent.username, &agent.password)
            .await
    }
}

async fn get(session: &Session<'_>, path: &str) -> Value {
    let answer = session.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

fn of(body: &Value, names: &[&str]) -> Value {
    let values = names.iter().map(|name| body[*name].clone());
    values.collect()
}

const MARCH: &str = "date_from=2026-03-02&date_to=2026-03-03";

#[tokio::test]
async fn p028_a_summary_has_the_team_or_the_own_and_the_days_before() {
    let family = Family::new().await;
    family.play(&family.top, "2026-03-02", 100).await;
    family.play(&family.sub, "2026-03-02", 200).await;
    family.play(&family.sub, "2026-03-03", 300).await;
    family.play(&family.below, "2026-03-03", 1000).await;
    family.play(&family.stranger, "2026-03-03", 5000).await;
    family.play(&family.sub, "2026-03-01", 70).await;
    family.play(&family.sub, "2026-02-27", 9).await;
    family.play(&family.sub, "2026-03-04", 9).await;
    family.roll_up().await;
    family.app.credit(&family.top, &family.brand, "12.5").await;
    let top = family.session(&family.top).await;
    let names = [
        "active_players",
        "new_players",
        "deposit_amount",
        "deposit_count",
        "bet_amount",
        "valid_bet_amount",
        "win_amount",
        "ggr",
        "ngr",
        "commission",
    ];
    let team = get(&top, &format!("/agent/home/summary?{MARCH}")).await;
    // 50 % of own 90, 10 % of the sub's team's 1350.
    let expected = json!([
        3,
        3,
        "1600.0000",
        4,
        "1600.0000",
        "1596.0000",
        "160.0000",
        "1440.0000",
        "1440.0000",
        "180.0000"
    ]);
    assert_eq!(of(&team["current"], &names), expected, "{team}");
    let before = json!([
        1, 0, "70.0000", 1, "70.0000", "69.0000", "7.0000", "63.0000", "63.0000", "6.3000"
    ]);
    assert_eq!(of(&team["previous"], &names), before, "{team}");
    assert_eq!(
        team["balance"],
        json!({ "available": "12.5000", "frozen": "0.0000", "currency": "THB" })
    );
    assert_eq!(
        (&team["sub_count"], &team["player_count"]),
        (&json!(2), &json!(3))
    );
    let own = get(&top, &format!("/agent/home/summary?{MARCH}&scope=direct")).await;
    let expected = json!([
        1, 1, "100.0000", 1, "100.0000", "99.0000", "10.0000", "90.0000", "90.0000", "45.0000"
    ]);
    assert_eq!(of(&own["current"], &names), expected, "{own}");
    assert_eq!(
        (&own["sub_count"], &own["player_count"]),
        (&json!(1), &json!(1))
    );
    // Nobody sees what is above or beside.
    let below = family.session(&family.below).await;
    let own = get(&below, &format!("/agent/home/summary?{MARCH}")).await;
    assert_eq!(own["current"]["bet_amount"], "1000.0000");
    assert_eq!(
        (&own["sub_count"], &own["player_count"]),
        (&json!(0), &json!(1))
    );
    family.app.finish().await;
}

#[tokio::test]
async fn p028_of_one_day_and_of_none() {
    let family = Family::new().await;
    family.play(&family.sub, "2026-03-03", 300).await;
    family.roll_up().await;
    let top = family.session(&family.top).await;
    let day = get(
        &top,
        "/agent/home/summary?date_from=2026-03-03&date_to=2026-03-03",
    )
    .await;
    assert_eq!(day["current"]["active_players"], 1);
    assert_eq!(day["previous"]["active_players"], 0);
    assert_eq!(day["previous"]["new_players"], 3);
    let today = get(&top, "/agent/home/summary").await;
    assert_eq!(today["current"]["bet_amount"], "0.0000");
    assert_eq!(today["current"]["active_players"], 0);
    family.app.finish().await;
}

#[tokio::test]
async fn p028_q96_ranges_and_parameters_are_checked() {
    let family = Family::new().await;
    let top = family.session(&family.top).await;
    for path in [
        "/agent/home/summary",
        "/agent/home/trend",
        "/agent/home/rank",
        "/agent/sub/statistic",
        "/agent/sub/statistic/daily",
    ] {
        let long = top
            .get(&format!("{path}?date_from=2026-01-01&date_to=2026-04-03"))
            .await;
        long.assert_problem(422, "range_too_long");
        let longest = top
            .get(&format!("{path}?date_from=2026-01-01&date_to=2026-04-02"))
            .await;
        assert_eq!(longest.status, 200, "{longest:?}");
        let backwards = top
            .get(&format!("{path}?date_from=2026-01-02&date_to=2026-01-01"))
            .await;
        backwards.assert_problem(422, "validation_failed");
    }
    for query in [
        "summary?scope=all",
        "trend?group_by=year",
        "rank?by=name",
        "rank?limit=0",
        "rank?limit=51",
        "rank?of=brands",
    ] {
        let refused = top.get(&format!("/agent/home/{query}")).await;
        refused.assert_problem(422, "validation_failed");
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p028_a_trend_has_every_day_week_and_month() {
    let family = Family::new().await;
    family.play(&family.sub, "2026-02-27", 1).await;
    family.play(&family.sub, "2026-03-02", 10).await;
    family.play(&family.below, "2026-03-03", 100).await;
    family.play(&family.sub, "2026-03-03", 1000).await;
    family.play(&family.sub, "2026-03-09", 10000).await;
    family.roll_up().await;
    let top = family.session(&family.top).await;
    let items = async |query: &str| -> Value {
        let path = format!("/agent/home/trend?date_from=2026-02-28&date_to=2026-03-08{query}");
        let body = get(&top, &path).await;
        let items = body["items"].as_array().unwrap().iter();
        items
            .map(|item| of(item, &["date", "bet_amount", "active_players"]))
            .collect()
    };
    let days = items("").await;
    assert_eq!(days.as_array().unwrap().len(), 9);
    assert_eq!(days[0], json!(["2026-02-28", "0.0000", 0]));
    assert_eq!(days[2], json!(["2026-03-02", "10.0000", 1]));
    assert_eq!(days[3], json!(["2026-03-03", "1100.0000", 2]));
    // The first week began before the range, which it does not widen.
    let weeks = json!([["2026-02-23", "0.0000", 0], ["2026-03-02", "1110.0000", 2]]);
    assert_eq!(items("&group_by=week").await, weeks);
    let months = json!([["2026-02-01", "0.0000", 0], ["2026-03-01", "1110.0000", 2]]);
    assert_eq!(items("&group_by=month").await, months);
    let own = items("&group_by=month&scope=direct").await;
    assert_eq!(own[1], json!(["2026-03-01", "0.0000", 0]));
    family.app.finish().await;
}

#[tokio::test]
async fn p028_a_brand_shows_nothing_of_another() {
    let family = Family::new().await;
    let app = &family.app;
    let other = app.brand("b").await;
    app.allow(&family.top, &other, "enabled").await;
    app.allow(&family.sub, &other, "enabled").await;
    family.play(&family.sub, "2026-03-03", 300).await;
    family.roll_up().await;
    let there = app.login(&other.host, "top", &family.top.password).await;
    let summary = get(&there, &format!("/agent/home/summary?{MARCH}")).await;
    assert_eq!(summary["current"]["bet_amount"], "0.0000");
    assert_eq!(
        (&summary["sub_count"], &summary["player_count"]),
        (&json!(1), &json!(0))
    );
    let trend = get(&there, &format!("/agent/home/trend?{MARCH}")).await;
    assert!(
        trend["items"]
            .as_array()
            .unwrap()
            .iter()
            .all(|item| item["bet_amount"] == "0.0000")
    );
    for of in ["subs", "players"] {
        let rank = get(&there, &format!("/agent/home/rank?{MARCH}&of={of}")).await;
        assert_eq!(rank, json!({ "items": [] }));
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p028_players_and_subs_are_ranked() {
    let family = Family::new().await;
    family.play(&family.top, "2026-03-02", 100).await;
    family.play(&family.sub, "2026-03-02", 200).await;
    family.play(&family.below, "2026-03-03", 1000).await;
    family.play(&family.stranger, "2026-03-03", 5000).await;
    family.roll_up().await;
    let top = family.session(&family.top).await;
    let ids = async |query: &str| -> Vec<i64> {
        let body = get(&top, &format!("/agent/home/rank?{MARCH}{query}")).await;
        let items = body["items"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_i64().unwrap()).collect()
    };
    let player = |agent: &AgentFixture| agent.guid.0 * 10;
    let all = [
        player(&family.below),
        player(&family.sub),
        player(&family.top),
    ];
    assert_eq!(ids("").await, all);
    assert_eq!(ids("&by=bet&limit=2").await, all[..2]);
    assert_eq!(ids("&scope=direct&by=deposit").await, all[2..]);
    // The sub's team: its own player and the one below.
    let subs = get(&top, &format!("/agent/home/rank?{MARCH}&of=subs")).await;
    let expected = json!([{
        "id": family.sub.guid.0, "username": "sub", "deposit_amount": "1200.0000",
        "bet_amount": "1200.0000", "ngr": "1080.0000",
    }]);
    assert_eq!(subs["items"], expected);
    // Wins turn the order of net wins round, not that of bets.
    family
        .app
        .as_owner("UPDATE player_stat_daily SET win_amount = bet_amount * 2")
        .await;
    family.roll_up().await;
    let mut reversed = all;
    reversed.reverse();
    assert_eq!(ids("").await, reversed);
    assert_eq!(ids("&by=bet").await, all);
    family.app.finish().await;
}

#[tokio::test]
async fn p028_links_are_the_agents_own_and_the_brands() {
    let family = Family::new().await;
    let app = &family.app;
    let other = app.brand("b").await;
    app.allow(&family.top, &other, "enabled").await;
    let AgentGuid(top) = family.top.guid;
    let AgentGuid(sub) = family.sub.guid;
    app.as_owner(&format!(
        "INSERT INTO agent_domain (agent_id, brand_id, domain, status) VALUES \
             ({top}, {a}, 'own.play', 'active'), ({top}, {a}, 'off.play', 'disabled'), \
             ({top}, {b}, 'elsewhere.play', 'active'), ({sub}, {a}, 'subs.play', 'active'); \
         INSERT INTO brand_domain (domain, brand_id, kind) VALUES ('all.play', {a}, 'player'), ('b.play', {b}, 'player')",
        a = family.brand.id,
        b = other.id,
    ))
    .await;
    let session = family.session(&family.top).await;
    let promotion = get(&session, "/agent/home/promotion").await;
    assert_eq!(promotion["invite_code"], "invite-top");
    let links = promotion["links"].as_array().unwrap();
    let told: Vec<Value> = links
        .iter()
        .map(|link| of(link, &["domain", "url"]))
        .collect();
    assert_eq!(
        told,
        [
            json!(["own.play", "https://own.play/?invite=invite-top"]),
            json!(["all.play", "https://all.play/?invite=invite-top"]),
        ]
    );
    let images = links.iter().map(|link| link["qr_svg"].as_str().unwrap());
    let images: Vec<&str> = images.collect();
    assert!(
        images.iter().all(|image| image.contains("<svg")),
        "{images:?}"
    );
    assert_ne!(images[0], images[1]);
    family.app.finish().await;
}

#[tokio::test]
async fn p058_p077_old_paths_show_the_same() {
    let family = Family::new().await;
    family.play(&family.sub, "2026-03-02", 200).await;
    family.roll_up().await;
    let top = family.session(&family.top).await;
    for (old, new) in [
        ("/home/summary", "/agent/home/summary"),
        ("/home/trend", "/agent/home/trend"),
        ("/home/promotion", "/agent/home/promotion"),
        ("/home/rank", "/agent/home/rank"),
        ("/agent/statisticDaily", "/agent/home/trend"),
    ] {
        let query = if new.ends_with("promotion") {
            ""
        } else {
            MARCH
        };
        let (old, new) = (format!("{old}?{query}"), format!("{new}?{query}"));
        assert_eq!(get(&top, &old).await, get(&top, &new).await, "{old}");
    }
    let days = get(&top, &format!("/agent/statisticDaily?{MARCH}")).await;
    assert_eq!(days["items"][0]["bet_amount"], "200.0000");
    family.app.finish().await;
}

#[tokio::test]
async fn p028_a_ranking_that_takes_too_long_is_refused_and_no_fault() {
    let family = Family::with(&[("DB_REPORT_TIMEOUT_MS", "300")]).await;
    family.play(&family.sub, "2026-03-02", 200).await;
    family.roll_up().await;
    let top = family.session(&family.top).await;
    let path = format!("/agent/home/rank?{MARCH}");
    let mut busy = family.app.owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE player_stat_daily IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *busy)
        .await
        .unwrap();
    top.get(&path).await.assert_problem(503, "unavailable");
    // The other figures are not made of players' days.
    get(&top, &format!("/agent/home/summary?{MARCH}")).await;
    get(&top, &format!("/agent/provider/income?{MARCH}")).await;
    busy.rollback().await.unwrap();
    get(&top, &path).await;
    // What cannot be done in time is not begun.
    family
        .app
        .as_owner(
            "UPDATE agent_stat_daily SET active_players = 4000001 WHERE scope = 'team'; \
             DELETE FROM agent_active_daily",
        )
        .await;
    top.get(&path).await.assert_problem(422, "range_too_long");
    let subs = get(&top, &format!("{path}&of=subs")).await;
    assert_eq!(subs["items"].as_array().unwrap().len(), 1);
    family.app.finish().await;
}
