//! An API whose signing key the test holds as well.

use agent_testkit::{Answer, BrandFixture, Session, TestApp};
use serde_json::Value;

use super::forge::Forge;

/// Any route that needs a session.
pub(super) const ROUTE: &str = "/agent/top_info";

pub(super) async fn with_token(app: &TestApp, host: &str, token: &str) -> Answer {
    Answer::of(app.request("GET", host, ROUTE).bearer_auth(token)).await
}

/// An API whose key the test holds, and one of its sessions.
pub(super) struct Held {
    pub(super) app: TestApp,
    pub(super) forge: Forge,
    pub(super) brand: BrandFixture,
    pub(super) access: String,
    pub(super) refresh: String,
    pub(super) guid: i64,
}

impl Held {
    pub(super) async fn new() -> Self {
        let forge = Forge::new();
        let variables = [
            ("JWT_PRIVATE_KEY", forge.pem.as_str()),
            ("JWT_KID", "key-1"),
        ];
        let app = TestApp::with(&variables).await;
        let brand = app.brand("a").await;
        let agent = app.agent("holder", &[&brand]).await;
        let session = app.login(&brand.host, "holder", &agent.password).await;
        let Session {
            access_token: access,
            refresh_token: refresh,
            ..
        } = session;
        Self {
            app,
            forge,
            brand,
            access,
            refresh,
            guid: agent.guid.0,
        }
    }

    pub(super) async fn answer(&self, token: &str) -> Answer {
        with_token(&self.app, &self.brand.host, token).await
    }

    pub(super) async fn assert_refused(&self, what: &str, token: &str) {
        let answer = self.answer(token).await;
        let told = (answer.status, answer.code());
        assert_eq!(told, (401, "unauthenticated"), "{what}: {answer:?}");
        assert_eq!(answer.headers["www-authenticate"], "Bearer", "{what}");
    }

    /// The keys that the API publishes.
    pub(super) async fn jwks(&self) -> Value {
        let path = "/.well-known/jwks.json";
        Answer::of(self.app.request("GET", "any.test", path))
            .await
            .body
    }
}
