//! An agent with a bound phone, and the steps of changing what belongs to it.

use agent_crypto::{BlindIndexKind, PiiColumn};
use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use serde_json::{Value, json};

pub(crate) const PHONE_SMS: &str = "/agent/edit/phone/send-sms";
pub(crate) const PHONE: &str = "/agent/edit/phone";
pub(crate) const BANK_SMS: &str = "/agent/edit/bank/send-sms";
pub(crate) const BANK: &str = "/agent/edit/bank";
pub(crate) const ADD: &str = "/agent/bank/add";
pub(crate) const PIN: &str = "482913607512";

/// Sends as many codes as it likes.
const UNLIMITED: [(&str, &str); 3] = [
    ("CODE_SENDS_PER_CONTACT", "1000"),
    ("CODE_SENDS_PER_CONTACT_PER_DAY", "1000"),
    ("CODE_SENDS_PER_SOURCE", "1000"),
];

pub(crate) struct Stage {
    pub(crate) app: TestApp,
    pub(crate) brand: BrandFixture,
    pub(crate) agent: AgentFixture,
    /// The agent's phone.
    pub(crate) phone: String,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        Self::with(&UNLIMITED).await
    }

    pub(crate) async fn with(overrides: &[(&str, &str)]) -> Self {
        Self::over(TestApp::with(overrides).await).await
    }

    pub(crate) async fn over(app: TestApp) -> Self {
        let brand = app.brand("a").await;
        app.as_owner(
            "INSERT INTO bank (bank_id, code, name, enabled) VALUES (1, 'TEST', 'Test Bank', true), \
             (2, 'NEXT', 'Next Bank', true), (9, 'CLOSED', 'Closed Bank', false)",
        )
        .await;
        let agent = app.agent("owner", &[&brand]).await;
        let phone = bind_phone(&app, &agent).await;
        app.plant(PIN);
        Self {
            app,
            brand,
            agent,
            phone,
        }
    }

    pub(crate) async fn session(&self) -> Session<'_> {
        self.app.session(&self.agent, &self.brand).await
    }

    /// An agent with a phone beside the first one.
    pub(crate) async fn other(&self, name: &str) -> (AgentFixture, String) {
        let agent = self.app.agent(name, &[&self.brand]).await;
        let phone = bind_phone(&self.app, &agent).await;
        (agent, phone)
    }

    /// A number that nobody has; the probe looks for it.
    pub(crate) fn number(&self) -> String {
        let number = random_digits(16);
        self.app.plant(&number);
        number
    }

    /// As [`Self::number`], of a phone.
    pub(crate) fn new_phone(&self) -> String {
        new_phone(&self.app)
    }

    /// Asks for the codes of a change of phone: the new phone's and the old phone's.
    pub(crate) async fn phone_codes(&self, session: &Session<'_>, new: &str) -> (String, String) {
        let answer = session.post(PHONE_SMS, &json!({ "phone_num": new })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let sms = self.app.sms();
        let code = sms.wait_for(new).await.code();
        (code, sms.wait_for(&self.phone).await.code())
    }

    /// Asks for a code for payout accounts, good for any number.
    pub(crate) async fn bank_code(&self, session: &Session<'_>) -> String {
        self.bank_code_for(session, &json!({})).await
    }

    pub(crate) async fn bank_code_for(&self, session: &Session<'_>, body: &Value) -> String {
        let answer = session.post(BANK_SMS, body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.app.sms().wait_for(&self.phone).await.code()
    }

    /// Changes the payout account, code and all.
    pub(crate) async fn change_bank(&self, session: &Session<'_>, number: &str) -> Answer {
        let code = self.bank_code(session).await;
        session.post(BANK, &bank_body(number, &code)).await
    }

    /// Binds a card, code and all; gives its id.
    pub(crate) async fn add_card(&self, session: &Session<'_>, number: &str) -> i64 {
        let code = self.bank_code(session).await;
        let answer = session.post(ADD, &card_body(number, &code)).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_i64().unwrap()
    }

    /// What can be changed of the agent and its cards, without times.
    pub(crate) async fn state(&self) -> String {
        let guid = self.agent.guid;
        self.app
            .text(&format!(
                "SELECT jsonb_build_array(phone_num, phone_bidx, bank_id, bank_num, payout_password_hash, \
                 payout_cooldown_since, (SELECT jsonb_agg(to_jsonb(c) ORDER BY id) FROM agent_bank_card c \
                 WHERE c.agent_id = a.guid))::text FROM agent a WHERE guid = {guid}"
            ))
            .await
    }

    pub(crate) async fn cooling(&self) -> bool {
        let guid = self.agent.guid;
        let query = format!(
            "SELECT count(*) FROM agent WHERE guid = {guid} AND payout_cooldown_since IS NOT NULL"
        );
        self.app.count(&query).await == 1
    }

    /// Rows of the audit log so far, oldest first, without id and time.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let rows = "SELECT to_jsonb(a) - 'id' - 'created_at' FROM admin_audit a ORDER BY id";
        let rows = sqlx::query_scalar(rows).fetch_all(&self.app.owner);
        rows.await.unwrap()
    }

    pub(crate) async fn actions(&self) -> Vec<String> {
        let action = |row: &Value| row["action"].as_str().unwrap().to_owned();
        self.audit().await.iter().map(action).collect()
    }

    /// From here on no audit row can be written.
    pub(crate) async fn break_audit(&self) {
        self.app
            .as_owner(
                "CREATE FUNCTION no_audit() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN RAISE EXCEPTION 'on purpose'; END $$; \
                 CREATE TRIGGER no_audit BEFORE INSERT ON admin_audit FOR EACH ROW EXECUTE FUNCTION no_audit()",
            )
            .await;
    }

    pub(crate) async fn mend_audit(&self) {
        let mend = "DROP TRIGGER no_audit ON admin_audit";
        self.app.as_owner(mend).await;
    }

    /// The payout account of the agent is its default card, both in today's form.
    pub(crate) async fn assert_primary(&self, number: Option<&str>) {
        let (bank, stored): (Option<i32>, Option<String>) =
            sqlx::query_as("SELECT bank_id, bank_num FROM agent WHERE guid = $1")
                .bind(self.agent.guid.0)
                .fetch_one(&self.app.owner)
                .await
                .unwrap();
        let default: Option<(i32, String)> = sqlx::query_as(
            "SELECT bank_id, card_number FROM agent_bank_card \
             WHERE agent_id = $1 AND is_default AND deleted_at IS NULL",
        )
        .bind(self.agent.guid.0)
        .fetch_optional(&self.app.owner)
        .await
        .unwrap();
        let plain = |stored: &String| {
            let plain = self.app.app.pii.decrypt(PiiColumn::CardNumber, stored);
            plain.unwrap().to_string()
        };
        assert_eq!(stored.as_ref().map(plain).as_deref(), number);
        assert_eq!(bank, default.as_ref().map(|(bank, _)| *bank));
        let of_card = default.as_ref().map(|(_, stored)| plain(stored));
        assert_eq!(of_card.as_deref(), number);
        assert!(stored.is_none_or(|stored| stored.starts_with("aesgcm:v1:")));
    }
}

pub(crate) fn bank_body(number: &str, code: &str) -> Value {
    json!({ "bank_id": 2, "bank_num": number, "holder_name": "Somchai Jaidee", "code": code })
}

pub(crate) fn card_body(number: &str, code: &str) -> Value {
    json!({ "bank_id": 2, "card_number": number, "holder_name": "Somchai Jaidee", "code": code })
}

pub(crate) fn phone_body(phone: &str, code: &str) -> Value {
    json!({ "phone_num": phone, "code": code })
}

/// A code that is not this one.
pub(crate) fn other_than(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

fn new_phone(app: &TestApp) -> String {
    let digits = format!("6681{}", random_digits(7));
    app.plant(&digits);
    format!("+{digits}")
}

/// Binds a phone as today's service writes it.
async fn bind_phone(app: &TestApp, agent: &AgentFixture) -> String {
    let phone = new_phone(app);
    let stored = app.app.pii.encrypt(PiiColumn::Phone, &phone).unwrap();
    let index = app.app.keys.blind_index(BlindIndexKind::Phone, &phone);
    sqlx::query("UPDATE agent SET phone_num = $2, phone_bidx = $3 WHERE guid = $1")
        .bind(agent.guid.0)
        .bind(stored)
        .bind(index.as_slice())
        .execute(&app.owner)
        .await
        .unwrap();
    phone
}

fn random_digits(count: usize) -> String {
    let random = uuid::Uuid::new_v4().as_u128() % 10_u128.pow(u32::try_from(count).unwrap());
    format!("{random:0count$}")
}
