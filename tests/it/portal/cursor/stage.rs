//! The lists that have cursors, and rows in all of them at once.

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use serde_json::Value;

/// The days that all rows lie in.
const JANUARY: &str = "date_from=2026-01-01&date_to=2026-01-31";

pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) brand: BrandFixture,
    pub(super) agent: AgentFixture,
    pub(super) player: i64,
    template: i64,
}

/// A list that has cursors.
pub(super) struct List {
    /// With the range.
    pub(super) target: String,
    /// A state that some rows are in.
    pub(super) status: &'static str,
    /// What tells a row from all others.
    key: &'static [&'static str],
    /// Keys in the order of the list.
    oracle: String,
}

impl Stage {
    /// An agent that may have every list, and rows in none.
    pub(super) async fn new() -> Self {
        let app = TestApp::with(&[
            ("EXPORTS_PER_HOUR", "1000"),
            ("DB_STATEMENT_TIMEOUT_MS", "30000"),
        ])
        .await;
        let brand = app.brand("walk").await;
        let agent = app.agent("walker", &[&brand]).await;
        app.card(&agent).await;
        app.credit(&agent, &brand, "1").await;
        Self {
            template: app.coupon_template(&brand, "1").await,
            player: app.coupon_player(&agent, &brand).await,
            app,
            brand,
            agent,
        }
    }

    pub(super) async fn session(&self) -> Session<'_> {
        self.app.session(&self.agent, &self.brand).await
    }

    /// A row in each list for each of these seconds, numbered in this order; in the log of coupons
    /// two. Every second one is in the state of [`List::status`].
    pub(super) async fn plant(&self, seconds: &[i64]) {
        let seconds: Vec<String> = seconds.iter().map(i64::to_string).collect();
        let seconds = format!("'{{{}}}'::bigint[]", seconds.join(","));
        self.plant_at(&seconds).await;
    }

    /// As many rows in each list, twelve of an instant.
    pub(super) async fn plant_many(&self, count: i64) {
        let seconds = format!("ARRAY(SELECT n / 12 FROM generate_series(1, {count}) n)");
        self.plant_at(&seconds).await;
    }

    async fn plant_at(&self, seconds: &str) {
        let (brand, agent) = (self.brand.id, self.agent.guid);
        self.app
            .as_owner(&format!(
                "CREATE TEMP TABLE planted AS SELECT n, timestamptz '2026-01-10 00:00:00Z' + s * interval '1 s' AS at \
                 FROM unnest({seconds}) WITH ORDINALITY AS u (s, n); \
                 INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, bank_id, \
                                             bank_name, card_number, card_last4, holder_name, status, created_at) \
                 SELECT 'W20000101' || lpad(nextval('agent_withdraw_no_seq')::text, 6, '0'), {agent}, {brand}, 'THB', \
                        100, 1, 99, 1, 'Test Bank', 'aesgcm:v1:x', '1234', 'aesgcm:v1:x', \
                        CASE n % 2 WHEN 0 THEN 'paid' ELSE 'rejected' END, at FROM planted ORDER BY n; \
                 WITH made AS (INSERT INTO coupon (brand_id, template_id, agent_id, player_id, amount, status, \
                                                   granted_at, recycled_at, expires_at) \
                     SELECT {brand}, {template}, {agent}, {player}, 1, \
                            CASE n % 2 WHEN 0 THEN 'recycled' ELSE 'used' END, at, at, at FROM planted ORDER BY n \
                     RETURNING coupon_id, granted_at) \
                 INSERT INTO coupon_log (coupon_id, agent_id, action, actor, created_at) \
                 SELECT coupon_id, {agent}, action, 'test', granted_at \
                 FROM made, unnest('{{grant,recycle}}'::text[]) action ORDER BY coupon_id, action; \
                 DROP TABLE planted",
                template = self.template,
                player = self.player,
            ))
            .await;
    }

    pub(super) fn lists(&self) -> [List; 4] {
        let log = |path: &str, which: &str| List {
            target: format!("{path}?{JANUARY}"),
            status: "recycled",
            key: &["coupon_id", "action"],
            oracle: format!(
                "SELECT string_agg(coupon_id || '/' || action, ',' ORDER BY l.created_at DESC, l.id DESC) \
                 FROM coupon_log l JOIN coupon c USING (coupon_id) WHERE {which}"
            ),
        };
        [
            List {
                target: format!("/agent/withdraw/list?{JANUARY}"),
                status: "paid",
                key: &["withdraw_no"],
                oracle: "SELECT string_agg(withdraw_no, ',' ORDER BY created_at DESC, guid DESC) \
                         FROM agent_withdraw WHERE true"
                    .to_owned(),
            },
            log("/agent/coupon/logs", "true"),
            log("/agent/coupon/recycle/logs", "action = 'recycle'"),
            List {
                target: format!("/agent/player/{}/coupons?{JANUARY}", self.player),
                status: "recycled",
                key: &["coupon_id"],
                oracle:
                    "SELECT string_agg(coupon_id::text, ',' ORDER BY granted_at DESC, coupon_id DESC) \
                     FROM coupon WHERE true"
                        .to_owned(),
            },
        ]
    }

    /// Every row of a list, newest first, as the database has them.
    pub(super) async fn all(&self, list: &List, status: Option<&str>) -> Vec<String> {
        let status = status.map_or_else(String::new, |status| format!(" AND status = '{status}'"));
        let all = self.app.text(&format!("{}{status}", list.oracle)).await;
        let rows = all.split(',').filter(|row| !row.is_empty());
        rows.map(str::to_owned).collect()
    }
}

impl List {
    pub(super) fn keys(&self, answer: &Answer) -> Vec<String> {
        let items = answer.body["items"].as_array().unwrap().iter();
        items.map(|item| self.key_of(|name| &item[name])).collect()
    }

    fn key_of<'v>(&self, value: impl Fn(&str) -> &'v Value) -> String {
        let parts = self.key.iter().map(|name| match value(name) {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Keys of the rows of a file.
    pub(super) fn keys_of_file(&self, text: &str) -> Vec<String> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|column| column == name).unwrap();
        let columns: Vec<usize> = self.key.iter().map(|name| column(name)).collect();
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            let parts: Vec<&str> = columns.iter().map(|at| &row[*at]).collect();
            parts.join("/")
        });
        rows.collect()
    }

    /// The same list by its old path.
    pub(super) fn alias(&self) -> &str {
        self.target.strip_prefix("/agent").unwrap()
    }
}

/// What leads on; `None` where the answer says that nothing does.
pub(super) fn next(answer: &Answer) -> Option<String> {
    assert_eq!(answer.status, 200, "{answer:?}");
    match answer.body.get("next_cursor") {
        Some(Value::String(cursor)) => Some(cursor.clone()),
        Some(Value::Null) => None,
        other => panic!("{other:?}"),
    }
}
