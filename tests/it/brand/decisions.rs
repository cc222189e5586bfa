//! Every cell of the decision table, over HTTP (P-161, P-162, P-163, Q-15, Q-16).

use agent_testkit::{AgentFixture, Answer, BrandFixture, TestApp};
use serde_json::Value;

const ROUTE: &str = "/agent/top_info";
const MODES: [&str; 3] = ["off", "observe", "enforce"];

/// Two brands, and an agent of the first with a token.
struct World {
    app: TestApp,
    mode: &'static str,
    a: BrandFixture,
    b: BrandFixture,
    agent: AgentFixture,
    token: String,
}

impl World {
    async fn under(mode: &'static str) -> Self {
        let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
        let (a, b) = (app.brand("a").await, app.brand("b").await);
        let agent = app.agent("table", &[&a]).await;
        let session = app.login(&a.host, "table", &agent.password).await;
        let token = session.access_token.clone();
        drop(session);
        Self {
            app,
            mode,
            a,
            b,
            agent,
            token,
        }
    }

    async fn get(&self, host: &str) -> Answer {
        let request = self.app.request("GET", host, ROUTE);
        Answer::of(request.bearer_auth(&self.token)).await
    }

    /// Violations of this reason on the route, and of all reasons on all routes.
    fn violations(&self, reason: &str) -> (u64, u64) {
        let counter = &self.app.metrics.multi_brand_violation_total;
        let one = counter.with_label_values(&[self.mode, reason, ROUTE]).get();
        (one, self.all_violations())
    }

    fn all_violations(&self) -> u64 {
        let rendered = self.app.metrics.render();
        let samples = rendered
            .lines()
            .filter(|line| line.starts_with("multi_brand_violation_total{"));
        samples
            .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
            .sum()
    }

    /// The warnings that say that the agent is not allowed.
    fn warnings(&self) -> Vec<Value> {
        let mut lines = self.app.logs.lines();
        lines.retain(|line| line["level"] == "WARN" && line.get("reason").is_some());
        lines
    }
}

fn brand_of(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["brand"]["name"].as_str().unwrap()
}

#[tokio::test]
async fn p161_p162_p163_a_listed_brand_passes_in_every_mode() {
    for mode in MODES {
        let world = World::under(mode).await;
        assert_eq!(brand_of(&world.get(&world.a.host).await), "Brand a");
        assert_eq!(world.all_violations(), 0, "{mode}");
        assert_eq!(world.warnings(), Vec::<Value>::new(), "{mode}");
        world.app.finish().await;
    }
}

#[tokio::test]
async fn p163_off_checks_nothing() {
    let world = World::under("off").await;
    // The scope is the host's brand, where the agent owns nothing.
    world.app.credit(&world.agent, &world.a, "100").await;
    let foreign = world.get(&world.b.host).await;
    assert_eq!(brand_of(&foreign), "Brand b");
    assert_eq!(foreign.body["balance"], "0.0000");
    // A host of nobody: the agent's only brand.
    let unknown = world.get("nobodys.test").await;
    assert_eq!(brand_of(&unknown), "Brand a");
    assert_eq!(unknown.body["balance"], "100.0000");
    assert_eq!(world.all_violations(), 0);
    assert_eq!(world.warnings(), Vec::<Value>::new());
    world.app.finish().await;
}

#[tokio::test]
async fn p161_observe_passes_logs_and_counts() {
    let world = World::under("observe").await;
    world.app.credit(&world.agent, &world.a, "100").await;
    let foreign = world.get(&world.b.host).await;
    assert_eq!(brand_of(&foreign), "Brand b");
    assert_eq!(foreign.body["balance"], "0.0000");
    assert_eq!(world.violations("brand_forbidden"), (1, 1));
    let unknown = world.get("nobodys.test").await;
    assert_eq!(brand_of(&unknown), "Brand a");
    assert_eq!(unknown.body["balance"], "100.0000");
    assert_eq!(world.violations("brand_unresolved"), (1, 2));

    let warnings = world.warnings();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    for (warning, brand, reason) in [
        (&warnings[0], Value::from(world.b.id.0), "brand_forbidden"),
        (&warnings[1], Value::Null, "brand_unresolved"),
    ] {
        assert_eq!(warning["agent_guid"], world.agent.guid.0);
        assert_eq!(warning.get("brand_id").unwrap_or(&Value::Null), &brand);
        assert_eq!(warning["mode"], "observe");
        assert_eq!(warning["reason"], reason);
        assert_eq!(warning["route"], ROUTE);
        assert!(!warning.to_string().contains("nobodys"), "{warning}");
    }
    world.app.finish().await;
}

#[tokio::test]
async fn p162_enforce_refuses_logs_and_counts() {
    let world = World::under("enforce").await;
    let foreign = world.get(&world.b.host).await;
    foreign.assert_problem(403, "brand_forbidden");
    assert_eq!(world.violations("brand_forbidden"), (1, 1));
    let unknown = world.get("nobodys.test").await;
    unknown.assert_problem(403, "brand_unresolved");
    assert_eq!(world.violations("brand_unresolved"), (1, 2));
    assert_eq!(world.warnings().len(), 2);
    world.app.finish().await;
}

#[tokio::test]
async fn q15_where_nothing_tells_the_brand_there_is_no_guessing() {
    for mode in MODES {
        let world = World::under(mode).await;
        // Two brands to choose from, and none.
        for brands in [&[&world.a, &world.b][..], &[]] {
            for brand in [&world.a, &world.b] {
                let listed = brands.iter().any(|listed| listed.id == brand.id);
                let status = if listed { "enabled" } else { "disabled" };
                world.app.allow(&world.agent, brand, status).await;
            }
            world.guard_forgets();
            let answer = world.get("nobodys.test").await;
            match mode {
                "enforce" => answer.assert_problem(403, "brand_unresolved"),
                _ => answer.assert_problem(409, "brand_ambiguous"),
            }
        }
        world.app.finish().await;
    }
}

impl World {
    fn guard_forgets(&self) {
        self.app.guard.invalidate_agent(self.agent.guid);
    }
}

#[tokio::test]
async fn p162_a_disabled_membership_and_a_suspended_brand_count_as_none() {
    let world = World::under("enforce").await;
    world.app.allow(&world.agent, &world.b, "disabled").await;
    world.guard_forgets();
    let disabled = world.get(&world.b.host).await;
    disabled.assert_problem(403, "brand_forbidden");

    world.app.allow(&world.agent, &world.b, "enabled").await;
    world.guard_forgets();
    assert_eq!(brand_of(&world.get(&world.b.host).await), "Brand b");
    sqlx::query("UPDATE brand SET status = 'suspended' WHERE brand_id = $1")
        .bind(world.b.id.0)
        .execute(&world.app.owner)
        .await
        .unwrap();
    // A message that names no agent makes everything be asked anew.
    world.app.guard.apply_change_message("all");
    let suspended = world.get(&world.b.host).await;
    suspended.assert_problem(403, "brand_unresolved");
    world.app.finish().await;
}

#[tokio::test]
async fn p108_q16_the_gauge_shows_the_mode() {
    for (mode, value) in [("off", 0), ("observe", 1), ("enforce", 2)] {
        let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
        let url = format!("http://{}/metrics", app.metrics_address);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        let sample = format!("multi_brand_enforcement_mode{{service=\"agent_service\"}} {value}");
        assert!(text.lines().any(|line| line == sample), "{mode}: {text}");
        app.finish().await;
    }
}
