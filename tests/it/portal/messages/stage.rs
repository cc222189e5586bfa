//! Messages, written with the owner's rights.

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use chrono::TimeDelta;
use serde_json::Value;

/// A message that is not stored yet: an announcement of all brands, shown since an hour ago.
#[derive(Clone)]
pub(super) struct Draft<'a> {
    pub(super) brand: Option<&'a BrandFixture>,
    /// Makes it private.
    pub(super) to: Vec<&'a AgentFixture>,
    /// From now.
    pub(super) starts: TimeDelta,
    pub(super) ends: Option<TimeDelta>,
    pub(super) pinned: bool,
    pub(super) body: String,
}

impl<'a> Draft<'a> {
    pub(super) fn new() -> Self {
        Self {
            brand: None,
            to: Vec::new(),
            starts: TimeDelta::hours(-1),
            ends: None,
            pinned: false,
            body: "Body".to_owned(),
        }
    }

    pub(super) fn of(brand: &'a BrandFixture) -> Self {
        Self {
            brand: Some(brand),
            ..Self::new()
        }
    }

    pub(super) fn to(self, agents: &[&'a AgentFixture]) -> Self {
        Self {
            to: agents.to_vec(),
            ..self
        }
    }

    pub(super) async fn store(&self, app: &TestApp) -> i64 {
        let now = app.clock.now();
        let kind = if self.to.is_empty() {
            "announcement"
        } else {
            "private"
        };
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO message (brand_id, kind, title, body, pinned, starts_at, ends_at, created_by) \
             VALUES ($1, $2, 'Title', $3, $4, $5, $6, 'operator:test') RETURNING id",
        )
        .bind(self.brand.map(|brand| brand.id.0))
        .bind(kind)
        .bind(&self.body)
        .bind(self.pinned)
        .bind(now + self.starts)
        .bind(self.ends.map(|ends| now + ends))
        .fetch_one(&app.owner)
        .await
        .unwrap();
        for agent in &self.to {
            sqlx::query("INSERT INTO message_recipient (message_id, agent_id) VALUES ($1, $2)")
                .bind(id)
                .bind(agent.guid.0)
                .execute(&app.owner)
                .await
                .unwrap();
        }
        id
    }
}

pub(super) const LIST: &str = "/agent/messages/list";
pub(super) const COUNT: &str = "/agent/messages/unread/count";

/// Numbers of the messages that a list shows, in its order.
pub(super) fn ids(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["id"].as_i64().unwrap())
        .collect()
}

pub(super) async fn listed(session: &Session<'_>, query: &str) -> Vec<i64> {
    ids(&session.get(&format!("{LIST}?page_size=100{query}")).await)
}

/// Whether a message is read, as the whole message tells.
pub(super) async fn is_read(session: &Session<'_>, id: i64) -> Value {
    session.get(&format!("/agent/messages/{id}")).await.body["is_read"].clone()
}
