//! An API, a brand, and an agent with a phone; and the steps of a recovery.

use agent_crypto::{BlindIndexKind, PiiColumn};
use agent_testkit::{AgentFixture, Answer, BrandFixture, TestApp};
use serde_json::{Value, json};

pub(super) const PHONE: &str = "+66812345678";
/// As its owner would type it.
pub(super) const NATIONAL: &str = "081-234-5678";
pub(super) const NEW: &str = "a password after recovery";
pub(super) const REQUEST: &str = "/agent/recovery/request";
pub(super) const VERIFY: &str = "/agent/recovery/verify";
pub(super) const RESET: &str = "/agent/recovery/reset";
pub(super) const SEND: &str = "/agent/forget/send-sms";
pub(super) const FORGET: &str = "/agent/forget";
/// A host of no brand.
pub(super) const NOWHERE: &str = "nobodys.test";

pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) brand: BrandFixture,
    pub(super) agent: AgentFixture,
}

impl Stage {
    pub(super) async fn set() -> Self {
        Self::with(&[]).await
    }

    /// Answers come as soon as the work is done, unless a test says otherwise.
    pub(super) async fn with(overrides: &[(&str, &str)]) -> Self {
        let at_once = [("RECOVERY_ANSWER_MILLISECONDS", "0")];
        let all: Vec<_> = at_once
            .into_iter()
            .chain(overrides.iter().copied())
            .collect();
        Self::over(TestApp::with(&all).await).await
    }

    pub(super) async fn over(app: TestApp) -> Self {
        let brand = app.brand("a").await;
        let agent = app.agent("forgetful", &[&brand]).await;
        for phone in [PHONE, NATIONAL, "812345678"] {
            app.plant(phone);
        }
        app.plant(NEW);
        give_phone(&app, &agent, PHONE).await;
        Self { app, brand, agent }
    }

    pub(super) async fn ask(&self, path: &str, body: &Value) -> Answer {
        self.ask_under(&self.brand.host, path, body).await
    }

    /// Tokens in the answer are secrets that the probe looks for.
    pub(super) async fn ask_under(&self, host: &str, path: &str, body: &Value) -> Answer {
        let answer = Answer::of(self.app.request("POST", host, path).json(body)).await;
        if let Some(token) = answer.body["reset_token"].as_str() {
            self.app.plant(token);
        }
        answer
    }

    /// Asks for a code by username: the request's id and the code.
    pub(super) async fn requested(&self) -> (String, String) {
        let answer = self.ask(REQUEST, &self.by_name()).await;
        let id = request_id(&answer);
        (id, self.app.sms().wait_for(PHONE).await.code())
    }

    /// Asks for a code and proves it: the reset token.
    pub(super) async fn permitted(&self) -> String {
        let (id, code) = self.requested().await;
        let answer = self.verify(&id, &code).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["reset_token"].as_str().unwrap().to_owned()
    }

    /// Asks for a code for `/agent/forget`.
    pub(super) async fn sent(&self) -> String {
        let answer = self.ask(SEND, &self.by_both()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.app.sms().wait_for(PHONE).await.code()
    }

    pub(super) async fn verify(&self, id: &str, code: &str) -> Answer {
        self.ask(VERIFY, &json!({ "request_id": id, "code": code }))
            .await
    }

    pub(super) async fn reset(&self, token: &str) -> Answer {
        self.ask(RESET, &reset_body(token)).await
    }

    pub(super) async fn forget(&self, code: &str) -> Answer {
        self.ask(FORGET, &self.forget_body(code)).await
    }

    pub(super) fn by_name(&self) -> Value {
        json!({ "account": self.agent.username })
    }

    pub(super) fn by_both(&self) -> Value {
        json!({ "username": self.agent.username, "phone_num": PHONE })
    }

    pub(super) fn forget_body(&self, code: &str) -> Value {
        let mut body = self.by_both();
        body["code"] = code.into();
        body["new_password"] = NEW.into();
        body
    }

    /// Whether the agent gets in with the new password (and not with the old one), or the other
    /// way round.
    pub(super) async fn assert_password(&self, new: bool) {
        let (username, host) = (&self.agent.username, &self.brand.host);
        let by_old = self.app.try_login(host, username, &self.agent.password);
        let by_old = by_old.await.status;
        let by_new = self.app.try_login(host, username, NEW).await.status;
        let expected = if new { (401, 200) } else { (200, 401) };
        assert_eq!((by_old, by_new), expected);
    }

    /// The rows of the audit log so far.
    pub(super) async fn audit(&self) -> Vec<Value> {
        let rows = "SELECT to_jsonb(a) FROM recovery_audit a ORDER BY id";
        let rows = sqlx::query_scalar(rows).fetch_all(&self.app.owner);
        rows.await.unwrap()
    }

    /// How each step ended, as `ACTION OUTCOME REASON`.
    pub(super) async fn outcomes(&self) -> Vec<String> {
        let rows = self.audit().await;
        rows.iter().map(outcome).collect()
    }

    pub(super) async fn last_outcome(&self) -> String {
        self.outcomes().await.pop().unwrap()
    }

    pub(super) async fn execute(&self, statement: &str) {
        let statement = sqlx::AssertSqlSafe(statement.to_owned());
        let done = sqlx::raw_sql(statement).execute(&self.app.owner).await;
        done.unwrap_or_else(|error| panic!("{error}"));
    }

    /// As the database computes it.
    pub(super) async fn sha256(&self, text: &str) -> String {
        sqlx::query_scalar("SELECT encode(sha256(convert_to($1, 'UTF8')), 'hex')")
            .bind(text)
            .fetch_one(&self.app.owner)
            .await
            .unwrap()
    }

    /// Messages that were handed over, when none is on its way any more. Nothing can be sent after.
    pub(super) async fn messages(&self) -> usize {
        self.app
            .app
            .sms
            .drain(std::time::Duration::from_secs(10))
            .await;
        self.app.sms().messages().len()
    }
}

pub(super) fn outcome(row: &Value) -> String {
    let reason = row["metadata"]["reason"].as_str().unwrap_or("-");
    let word = |name: &str| row[name].as_str().unwrap().to_owned();
    format!("{} {} {reason}", word("action"), word("outcome"))
}

/// Stores a phone as today.
pub(super) async fn give_phone(app: &TestApp, agent: &AgentFixture, phone: &str) {
    let stored = app.app.pii.encrypt(PiiColumn::Phone, phone).unwrap();
    let index = app.app.keys.blind_index(BlindIndexKind::Phone, phone);
    sqlx::query("UPDATE agent SET phone_num = $1, phone_bidx = $2 WHERE guid = $3")
        .bind(stored)
        .bind(&index[..])
        .bind(agent.guid.0)
        .execute(&app.owner)
        .await
        .unwrap();
}

/// Stores an e-mail address as today, and no phone.
pub(super) async fn give_only_email(app: &TestApp, agent: &AgentFixture, email: &str) {
    let stored = app.app.pii.encrypt(PiiColumn::Email, email).unwrap();
    let index = app.app.keys.blind_index(BlindIndexKind::Email, email);
    sqlx::query(
        "UPDATE agent SET email = $1, email_bidx = $2, phone_num = NULL, phone_bidx = NULL \
         WHERE guid = $3",
    )
    .bind(stored)
    .bind(&index[..])
    .bind(agent.guid.0)
    .execute(&app.owner)
    .await
    .unwrap();
}

#[track_caller]
pub(super) fn request_id(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["request_id"].as_str().unwrap().to_owned()
}

pub(super) fn reset_body(token: &str) -> Value {
    json!({ "reset_token": token, "new_password": NEW })
}

/// A code that is not this one.
pub(super) fn other_than(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}
