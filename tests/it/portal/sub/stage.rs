//! A family of agents, and what tests ask of it.

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use serde_json::{Value, json};

/// `top` has `mid` and `sibling` below it, `mid` has `leaf`; `stranger` is no relative.
pub(super) struct Family {
    pub(super) app: TestApp,
    pub(super) brand: BrandFixture,
    pub(super) top: AgentFixture,
    pub(super) mid: AgentFixture,
    pub(super) leaf: AgentFixture,
    pub(super) sibling: AgentFixture,
    pub(super) stranger: AgentFixture,
}

impl Family {
    pub(super) async fn new() -> Self {
        let app = TestApp::spawn().await;
        let brand = app.brand("a").await;
        let top = app.agent("top", &[&brand]).await;
        let mid = app.agent_under("mid", Some(top.guid), &[&brand]).await;
        let leaf = app.agent_under("leaf", Some(mid.guid), &[&brand]).await;
        let sibling = app.agent_under("sibling", Some(top.guid), &[&brand]).await;
        let stranger = app.agent("stranger", &[&brand]).await;
        Self {
            app,
            brand,
            top,
            mid,
            leaf,
            sibling,
            stranger,
        }
    }

    pub(super) async fn session(&self, agent: &AgentFixture) -> Session<'_> {
        self.app.session(agent, &self.brand).await
    }

    pub(super) fn members(&self) -> [&AgentFixture; 5] {
        [
            &self.top,
            &self.mid,
            &self.leaf,
            &self.sibling,
            &self.stranger,
        ]
    }
}

pub(super) fn path(guid: impl std::fmt::Display) -> String {
    format!("/agent/sub/{guid}")
}

pub(super) async fn put(session: &Session<'_>, path: &str, body: &Value) -> Answer {
    Answer::of(session.request("PUT", path).json(body)).await
}

pub(super) async fn set_status(session: &Session<'_>, guid: i64, status: &str) -> Answer {
    let body = json!({ "status": status });
    session
        .post(&format!("/agent/sub/{guid}/status"), &body)
        .await
}

pub(super) async fn reset(session: &Session<'_>, guid: i64, payout_password: &str) -> Answer {
    let body = json!({ "payout_password": payout_password });
    session
        .post(&format!("/agent/sub/{guid}/reset_password"), &body)
        .await
}

/// A request for an agent without shares.
pub(super) fn named(username: &str) -> Value {
    json!({ "username": username, "percentages": [] })
}

pub(super) async fn add(session: &Session<'_>, body: &Value) -> Answer {
    session.post("/agent/sub/add", body).await
}

pub(super) async fn add_once(session: &Session<'_>, key: &str, body: &Value) -> Answer {
    let request = session.request("POST", "/agent/sub/add").json(body);
    Answer::of(request.header("Idempotency-Key", key)).await
}

/// Number and first password of an agent that was made; the probe looks for the password.
#[track_caller]
pub(super) fn made(app: &TestApp, answer: &Answer) -> (i64, String) {
    assert_eq!(answer.status, 201, "{answer:?}");
    let password = answer.body["initial_password"].as_str().unwrap().to_owned();
    app.plant(&password);
    (answer.body["guid"].as_i64().unwrap(), password)
}

/// Everything that making or changing agents may write.
pub(super) async fn everything(app: &TestApp) -> Vec<String> {
    let mut all = Vec::new();
    for table in [
        "agent",
        "agent_brand",
        "agent_provider_percentage",
        "admin_audit",
        "agent_outbox",
        "idempotency_key",
    ] {
        // Signing in is no change that counts here.
        let query = format!(
            "SELECT md5(coalesce(string_agg(r, '|' ORDER BY r), '')) FROM \
             (SELECT (to_jsonb(t) - 'last_login_at')::text AS r FROM {table} t) x"
        );
        all.push(format!("{table} {}", app.text(&query).await));
    }
    all
}
