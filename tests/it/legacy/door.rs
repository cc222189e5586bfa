//! The ways to reach one handler, and what can be seen of what it did.

use agent_crypto::PiiColumn;
use agent_routes::legacy::Alias;
use agent_testkit::{AgentFixture, Answer, BrandFixture, TestApp};
use serde_json::{Value, json};

/// How a handler is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    Route,
    Alias,
    AliasWithForm,
}

impl Door {
    pub(super) const ALL: [Self; 3] = [Self::Route, Self::Alias, Self::AliasWithForm];

    pub(super) fn path(self, alias: &Alias) -> &str {
        match self {
            Self::Route => &alias.route,
            Self::Alias | Self::AliasWithForm => alias.path,
        }
    }
}

/// What is sent beside method and path.
#[derive(Clone, Debug)]
pub(super) enum Body {
    None,
    /// An object, also as a form.
    Members(Value),
    /// An object with members that a form has no words for.
    Nested(Value),
    /// Text of a media type, the same through every door.
    Raw(&'static str, &'static str),
}

/// Who asks, and under which host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    Agent,
    Nobody,
    Garbage,
    AgentOnForeignHost,
    AgentOnUnknownHost,
}

/// One request to be sent through every door.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) caller: Caller,
    pub(super) query: &'static str,
    pub(super) body: Body,
}

impl Case {
    pub(super) fn of(body: Body) -> Self {
        Self {
            caller: Caller::Agent,
            query: "",
            body,
        }
    }
}

/// An agent of its own for every door, so that what one does stands in nobody's way.
pub(super) struct Visitor<'a> {
    pub(super) app: &'a TestApp,
    pub(super) brand: &'a BrandFixture,
    pub(super) foreign: &'a BrandFixture,
    pub(super) agent: AgentFixture,
    pub(super) card: i64,
    pub(super) withdraw_no: String,
    /// Of 100.
    pub(super) coupon_template: i64,
    pub(super) player: i64,
    /// A coupon of that player.
    pub(super) coupon: i64,
    /// A private message.
    pub(super) message: i64,
    /// A direct sub.
    pub(super) sub: i64,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

impl<'a> Visitor<'a> {
    /// An agent with money, a card, a session and an open order.
    pub(super) async fn arrive(
        app: &'a TestApp,
        name: &str,
        (brand, foreign): (&'a BrandFixture, &'a BrandFixture),
    ) -> Self {
        let agent = app.agent(name, &[brand]).await;
        let card = app.card(&agent).await;
        app.credit(&agent, brand, "9000").await;
        app.setting(&agent, brand, "max_open_withdrawals = 2").await;
        let session = app.login(&brand.host, name, &agent.password).await;
        let order = json!({ "amount": "700", "card_id": card });
        let made = session.post("/agent/withdraw/add", &order).await;
        let withdraw_no = made.body["withdraw_no"].as_str().unwrap().to_owned();
        app.setting(&agent, brand, "coupon_quota_monthly = 350")
            .await;
        let coupon_template = app.coupon_template(brand, "100").await;
        let player = app.coupon_player(&agent, brand).await;
        let coupon = session.granted(coupon_template, &[player]).await[0];
        Self {
            app,
            brand,
            foreign,
            card,
            withdraw_no,
            coupon_template,
            player,
            coupon,
            message: private_message(app, &agent).await,
            sub: sub_with_shares(app, brand, &agent).await,
            agent,
            access_token: session.access_token.clone(),
            refresh_token: session.refresh_token.clone(),
        }
    }

    /// Gives the agent a phone of its own.
    pub(super) async fn take_phone(&self) -> String {
        let phone = format!("+6680{:07}", self.agent.guid.0);
        self.app.plant(&phone[1..]);
        let pii = &self.app.app.pii;
        let stored = pii.encrypt(PiiColumn::Phone, &phone).unwrap();
        self.app.set_agent(&self.agent, "phone_num", &stored).await;
        phone
    }

    pub(super) async fn ask(&self, method: &str, path: &str, door: Door, case: &Case) -> Answer {
        let path = path.replace("{withdraw_no}", &self.withdraw_no);
        let path = path.replace("{player_id}", &self.player.to_string());
        let path = path.replace("/messages/{id}", &format!("/messages/{}", self.message));
        let query = case.query.replace("{sub}", &self.sub.to_string());
        assert!(
            !path.contains('{'),
            "say what stands for the name in {path}"
        );
        let host = match case.caller {
            Caller::AgentOnForeignHost => &self.foreign.host,
            Caller::AgentOnUnknownHost => "nobodys.test",
            _ => &self.brand.host,
        };
        let request = self.app.request(method, host, &format!("{path}{query}"));
        let request = match case.caller {
            Caller::Nobody => request,
            Caller::Garbage => request.bearer_auth("garbage"),
            _ => request.bearer_auth(&self.access_token),
        };
        let request = match (&case.body, door) {
            (Body::None, _) => request,
            (Body::Members(members), Door::AliasWithForm) => request.form(members),
            (Body::Members(members) | Body::Nested(members), _) => request.json(members),
            (Body::Raw(media_type, text), _) => {
                request.header("Content-Type", *media_type).body(*text)
            }
        };
        Answer::of(request).await
    }

    /// What the handlers left behind for this agent, without what differs between agents.
    pub(super) async fn traces(&self) -> Value {
        let mut traces = json!({});
        for (name, rows) in [
            (
                "audit",
                "SELECT jsonb_build_array(action, resource, brand_id, operator_id = 'agent:' || $1, \
                 (SELECT jsonb_agg(key ORDER BY key) FROM jsonb_object_keys(new_value) key)) AS row, id \
                 FROM admin_audit WHERE operator_id = 'agent:' || $1",
            ),
            (
                "events",
                "SELECT jsonb_build_array(event_type, aggregate_type, brand_id, schema_version, \
                 (SELECT jsonb_agg(key ORDER BY key) FROM jsonb_object_keys(payload) key)) AS row, id \
                 FROM agent_outbox WHERE $1 IN (payload->>'agent_id', payload->>'set_by')",
            ),
            (
                "shares",
                "SELECT jsonb_build_array(provider_id, percentage, effective_from) AS row, provider_id AS id \
                 FROM agent_provider_percentage WHERE set_by::text = $1",
            ),
            (
                "reads",
                "SELECT jsonb_build_array(read_at IS NOT NULL) AS row, message_id AS id \
                 FROM message_read WHERE agent_id::text = $1",
            ),
            (
                "ledger",
                "SELECT jsonb_build_array(kind, amount, available_after, frozen_after) AS row, id \
                 FROM agent_ledger WHERE agent_id::text = $1",
            ),
            (
                "orders",
                "SELECT jsonb_build_array(status, amount, remark) AS row, guid AS id \
                 FROM agent_withdraw WHERE agent_id::text = $1",
            ),
            (
                "coupons",
                "SELECT jsonb_build_array(l.action, l.reason, c.status, c.amount, q.used) AS row, l.id \
                 FROM coupon_log l JOIN coupon c USING (coupon_id) \
                 JOIN agent_coupon_quota q ON q.agent_id = c.agent_id AND q.period = c.quota_period \
                 WHERE l.agent_id::text = $1",
            ),
            (
                "pending",
                "SELECT jsonb_build_array(o.event_type, p.attempts, p.parked_at) AS row, o.id \
                 FROM agent_outbox o JOIN agent_outbox_pending p ON (p.shard, p.id) = (o.shard, o.id) \
                 WHERE $1 IN (payload->>'agent_id', payload->>'set_by')",
            ),
            (
                "codes",
                "SELECT jsonb_build_array(purpose, brand_id, attempts, verified_at IS NULL, consumed_at IS NULL, \
                 superseded_at IS NULL) AS row, created_at AS id FROM agent_recovery WHERE agent_id::text = $1",
            ),
            (
                "cards",
                "SELECT jsonb_build_array(bank_id, is_default, deleted_at IS NULL) AS row, id \
                 FROM agent_bank_card WHERE agent_id::text = $1",
            ),
            (
                "account",
                "SELECT jsonb_build_array(phone_num IS NULL, phone_bidx IS NULL, bank_id, bank_num IS NULL, status, \
                 must_change_password, token_version, payout_cooldown_since IS NULL) AS row, guid AS id \
                 FROM agent WHERE guid::text = $1",
            ),
            (
                "logins",
                "SELECT jsonb_build_array(outcome, brand_id) AS row, id \
                 FROM agent_login_log WHERE agent_id::text = $1",
            ),
            (
                "recoveries",
                "SELECT jsonb_build_array(action, outcome, brand_id, metadata - 'recovery_id') AS row, id \
                 FROM recovery_audit WHERE subject_id::text = $1",
            ),
            (
                "sessions",
                "SELECT jsonb_build_array(used_at IS NULL, revoked_at IS NULL, brand_id) AS row, id \
                 FROM agent_refresh_token WHERE agent_id::text = $1",
            ),
        ] {
            let statement =
                format!("SELECT coalesce(jsonb_agg(row ORDER BY id), '[]') FROM ({rows}) rows");
            let found: Value = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
                .bind(self.agent.guid.to_string())
                .fetch_one(&self.app.owner)
                .await
                .unwrap();
            traces[name] = found;
        }
        traces
    }
}

/// A message for one agent alone.
async fn private_message(app: &TestApp, agent: &AgentFixture) -> i64 {
    sqlx::query_scalar(
        "WITH sent AS (INSERT INTO message (kind, title, body, created_by) \
                       VALUES ('private', 'Title', 'Body', 'test') RETURNING id), \
              named AS (INSERT INTO message_recipient (message_id, agent_id) SELECT id, $1 FROM sent) \
         SELECT id FROM sent",
    )
    .bind(agent.guid.0)
    .fetch_one(&app.owner)
    .await
    .unwrap()
}

/// A sub whose shares of provider 1 the agent may set: the agent has 60 of 100.
async fn sub_with_shares(app: &TestApp, brand: &BrandFixture, agent: &AgentFixture) -> i64 {
    let name = format!("sub_of_{}", agent.username);
    let sub = app.agent_under(&name, Some(agent.guid), &[brand]).await;
    for statement in [
        "INSERT INTO provider (provider_id, code, name, category) SELECT 1, 'one', 'One', 'slot' \
         WHERE $1 > 0 AND $2 > 0 ON CONFLICT DO NOTHING",
        "INSERT INTO brand_provider (brand_id, provider_id) SELECT $1, 1 WHERE $2 > 0 ON CONFLICT DO NOTHING",
        "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
         VALUES ($2, $1, 1, '2026-01-01', 60)",
    ] {
        let query = sqlx::query(statement).bind(brand.id.0);
        let done = query.bind(agent.guid.0).execute(&app.owner).await;
        done.unwrap();
    }
    sub.guid.0
}

/// Status, names of headers, and the body without what differs between agents and moments.
pub(super) fn masked(answer: &Answer) -> Value {
    let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let mut body = answer.body.clone();
    mask(&mut body);
    if answer.status == 415 {
        // Says which formats are read: an alias reads one more.
        body["detail"] = json!("masked");
    }
    json!([answer.status, names, body])
}

fn mask(value: &mut Value) {
    const OWN: [&str; 22] = [
        "access_token",
        "at",
        "card_last4",
        "coupon_id",
        "created_at",
        "expires_at",
        "granted_at",
        "guid",
        "holder_masked",
        "id",
        "invite_code",
        "last4",
        "last_login_at",
        "nick_name",
        "player_id",
        "player_username",
        "refresh_token",
        "registered_at",
        "request_id",
        "template_id",
        "username",
        "withdraw_no",
    ];
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if OWN.contains(&name.as_str()) && !member.is_null() {
                    *member = json!("masked");
                } else {
                    mask(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}
