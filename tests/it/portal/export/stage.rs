//! Something in every list, with texts that a spreadsheet would run.

use std::time::Duration;

use agent_testkit::{AgentFixture, BrandFixture, Session, TestApp};
use chrono::{Days, NaiveDate};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::{Instant, sleep, timeout},
};

/// Orders that fill more than the kernel's buffers.
pub(super) const LONG: usize = 1500;
/// What a wait may last on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) a: BrandFixture,
    pub(super) b: BrandFixture,
    pub(super) top: AgentFixture,
    pub(super) sub: AgentFixture,
    /// A player of the sub on brand a.
    pub(super) player: i64,
}

impl Stage {
    /// A top with two subs and players on two brands.
    pub(super) async fn new(overrides: &[(&str, &str)]) -> Self {
        let app = TestApp::with(overrides).await;
        let (a, b) = (app.brand("a").await, app.brand("b").await);
        let top = app.agent("top", &[&a, &b]).await;
        let sub = app.agent_under("sub", Some(top.guid), &[&a, &b]).await;
        let other = app.agent_under("other", Some(top.guid), &[&a]).await;
        app.set_agent(&sub, "nick_name", "=HYPERLINK(\"x\")").await;
        app.set_agent(&other, "nick_name", "a \"quoted\", name\r\nin two lines")
            .await;
        let stage = Self {
            player: sub.guid.0 * 100 + a.id.0,
            app,
            a,
            b,
            top,
            sub,
        };
        for (agent, brand) in [
            (&stage.top, &stage.a),
            (&stage.sub, &stage.a),
            (&stage.sub, &stage.b),
            (&other, &stage.a),
        ] {
            stage.played(agent, brand).await;
        }
        stage.fill().await;
        stage
    }

    /// The agent's player loses more than it bets for the house, which makes the net win negative.
    async fn played(&self, agent: &AgentFixture, brand: &BrandFixture) {
        let (guid, brand, day) = (agent.guid, brand.id, self.today());
        self.app
            .as_owner(&format!(
                "INSERT INTO player (player_id, brand_id, agent_id, username, tags, registered_at) \
                 VALUES ({guid} * 100 + {brand}, {brand}, {guid}, 'player-{guid}-{brand}', '{{=cmd,vip}}', now()); \
                 INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, \
                                                bet_count, win_amount) \
                 VALUES ('{day}', {brand}, {guid} * 100 + {brand}, {guid}, 1, 100, 2, 350.5); \
                 INSERT INTO agent_stat_daily (stat_date, brand_id, agent_id, scope, active_players, bet_amount, win_amount) \
                 SELECT '{day}', {brand}, {guid}, scope, 1, 100, 350.5 FROM unnest('{{direct,team}}'::text[]) scope \
                 ON CONFLICT DO NOTHING"
            ))
            .await;
    }

    async fn fill(&self) {
        let (app, top, brand) = (&self.app, self.top.guid, self.a.id);
        app.card(&self.top).await;
        // An order needs an account.
        for (agent, brand) in [
            (&self.top, &self.a),
            (&self.top, &self.b),
            (&self.sub, &self.a),
        ] {
            app.credit(agent, brand, "1").await;
        }
        app.as_owner(&format!(
            "INSERT INTO provider (provider_id, code, name, category) \
             VALUES (1, 'one', '@SUM(A1)', 'slot'), (2, 'two', 'Two', 'live'), (3, 'three', 'Three', 'live'); \
             INSERT INTO brand_provider (brand_id, provider_id) SELECT {brand}, p FROM generate_series(1, 3) p; \
             INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
             VALUES ({top}, {brand}, 1, '2020-01-01', 60), ({top}, {brand}, 1, '2999-01-01', 40), \
                    ({sub}, {brand}, 1, '2020-01-01', 20); \
             INSERT INTO message (kind, title, body, created_by) \
             SELECT 'announcement', t, '+' || t, 'operator:test' FROM unnest('{{=1+1,plain}}'::text[]) t; \
             INSERT INTO coupon_template (brand_id, name, amount, wagering, valid_days) \
             VALUES ({brand}, '-2+3', 100, 3, 7), ({brand}, 'Welcome', 50, 0, 1), ({other}, 'foreign', 9, 1, 1); \
             INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, bank_id, \
                                         bank_name, card_number, card_last4, holder_name, status, remark, created_at) \
             SELECT 'W2000010100000' || n, CASE n WHEN 4 THEN {sub} ELSE {top} END, CASE n WHEN 3 THEN {other} ELSE {brand} END, \
                    'THB', 100 + n, 1, 99 + n, 1, 'Test Bank', 'aesgcm:v1:x', '0123', 'aesgcm:v1:x', 'cancelled', \
                    '\t+' || n, now() FROM generate_series(1, 5) n",
            sub = self.sub.guid,
            other = self.b.id,
        ))
        .await;
        app.setting(&self.top, &self.a, "coupon_quota_monthly = 1000")
            .await;
        self.coupons().await;
    }

    async fn coupons(&self) {
        let session = self.session(&self.top).await;
        let found = session.get("/agent/coupon/list").await;
        let template = found.body["items"][0]["template_id"].as_i64().unwrap();
        for remark in ["=granted", "plain"] {
            let body = serde_json::json!({
                "template_id": template, "player_id": self.player, "remark": remark,
            });
            let granted = session.post("/agent/coupon/grant", &body).await;
            assert_eq!(granted.status, 201, "{granted:?}");
            let coupon = granted.body["items"][0]["coupon_id"].as_i64().unwrap();
            let body = serde_json::json!({ "coupon_id": coupon, "reason": "@back" });
            let recycled = session.post("/agent/coupon/recycle", &body).await;
            assert_eq!(recycled.status, 200, "{recycled:?}");
        }
    }

    pub(super) async fn session(&self, agent: &AgentFixture) -> Session<'_> {
        self.app.session(agent, &self.a).await
    }

    /// Of brand a.
    pub(super) fn today(&self) -> NaiveDate {
        let now = self.app.clock.now();
        now.with_timezone(&chrono::FixedOffset::east_opt(7 * 3600).unwrap())
            .date_naive()
    }

    /// Every list and report with parameters that find something. Days around today, whatever
    /// midnight does.
    pub(super) fn reports(&self) -> Vec<String> {
        let (today, day) = (self.today(), Days::new(1));
        let range = format!("date_from={}&date_to={}", today - day, today + day);
        let (player, sub) = (self.player, self.sub.guid);
        vec![
            "/agent/bank/list?".to_owned(),
            "/agent/coupon/list?".to_owned(),
            format!("/agent/coupon/logs?{range}"),
            format!("/agent/coupon/recycle/logs?{range}"),
            format!("/agent/home/rank?{range}"),
            format!("/agent/home/trend?{range}"),
            "/agent/messages/list?".to_owned(),
            format!("/agent/player/list?{range}&scope=team"),
            format!("/agent/player/{player}/coupons?{range}"),
            format!("/agent/player/{player}/daily?{range}"),
            format!("/agent/provider/income?{range}"),
            "/agent/provider/list?".to_owned(),
            "/agent/provider/percentage?".to_owned(),
            format!("/agent/provider/sub/percentage?sub_guid={sub}"),
            format!("/agent/sub/list?{range}"),
            format!("/agent/sub/statistic?{range}"),
            format!("/agent/sub/statistic/daily?{range}"),
            format!("/agent/withdraw/list?{range}"),
        ]
    }

    pub(super) fn exports(&self, report: &str, outcome: &str) -> u64 {
        let labels = [report, outcome];
        let counter = &self.app.metrics.exports_total;
        counter.with_label_values(&labels).get()
    }

    /// Waits until exports of a report ended in some way.
    pub(super) async fn wait_for(&self, report: &str, outcome: &str, count: u64) {
        let until = Instant::now() + PATIENCE;
        while self.exports(report, outcome) < count {
            assert!(Instant::now() < until, "no {report} was {outcome}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// Connections of exports that the database knows of.
    pub(super) async fn connections(&self) -> i64 {
        self.app
            .count(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                 AND application_name = 'agent-api' AND xact_start IS NOT NULL",
            )
            .await
    }

    /// Waits until no transaction is open.
    pub(super) async fn wait_for_release(&self) {
        let until = Instant::now() + PATIENCE;
        while self.connections().await > 0 {
            assert!(Instant::now() < until, "a connection is still held");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// [`LONG`] orders: more than the kernel keeps for a client that does not read.
    pub(super) async fn long_orders(&self, agent: &AgentFixture) {
        self.app
            .as_owner(&format!(
                "INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, \
                                             bank_id, bank_name, card_number, card_last4, holder_name, status, \
                                             remark, created_at) \
                 SELECT 'W20000102' || lpad(nextval('agent_withdraw_no_seq')::text, 6, '0'), {}, {}, 'THB', 2, 1, 1, 1, \
                        'Test Bank', 'aesgcm:v1:x', '0123', 'aesgcm:v1:x', 'cancelled', repeat('x', 8000), now() \
                 FROM generate_series(1, {LONG}) n",
                agent.guid, self.a.id
            ))
            .await;
    }

    /// Ends the test without what was only there to be long.
    pub(super) async fn finish(self) {
        self.app
            .as_owner("DELETE FROM agent_withdraw WHERE length(remark) > 1000")
            .await;
        self.app.finish().await;
    }

    /// Asks for a file and reads no more than its beginning.
    pub(super) async fn stalled(&self, session: &Session<'_>, path: &str) -> Stalled {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        let mut stream = socket.connect(self.app.address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {}\r\n\r\n",
            session.host, session.access_token
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = vec![0; 1000];
        let begun = timeout(PATIENCE, stream.read_exact(&mut read)).await;
        begun.unwrap().unwrap();
        let head = String::from_utf8_lossy(&read).into_owned();
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Stalled { stream, read }
    }
}

/// A client that stopped reading.
pub(super) struct Stalled {
    pub(super) stream: TcpStream,
    read: Vec<u8>,
}

impl Stalled {
    /// Reads on until the connection is closed, or the file has come to its end; tells which.
    pub(super) async fn rest(mut self) -> (String, bool) {
        let mut part = vec![0; 1 << 20];
        loop {
            let count = timeout(PATIENCE, self.stream.read(&mut part)).await;
            match count.expect("the API goes on or closes") {
                Ok(0) | Err(_) => return (self.text(), false),
                Ok(count) => self.read.extend_from_slice(&part[..count]),
            }
            // The last chunk of a body in chunks.
            if self.read.ends_with(b"\r\n0\r\n\r\n") {
                return (self.text(), true);
            }
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

/// A file as its header and its rows.
pub(super) fn read(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let owned = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
    let header = owned(reader.headers().unwrap());
    let rows = reader.records().map(|row| owned(&row.unwrap()));
    (header, rows.collect())
}

/// The members of an item under the names of columns, as a cell shows them.
pub(super) fn cells(item: &Value, name: &str, found: &mut Vec<(String, String)>) {
    let text = match item {
        Value::Object(members) => {
            for (member, value) in members {
                let name = match name {
                    "" => member.clone(),
                    name => format!("{name}_{member}"),
                };
                cells(value, &name, found);
            }
            return;
        }
        Value::Array(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| part.as_str().unwrap()).collect();
            neutral(&parts.join("|"))
        }
        Value::String(text) => neutral(text),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    found.push((name.to_owned(), text));
}

/// Money is a text in JSON and a number here; other texts never begin like a formula.
fn neutral(text: &str) -> String {
    let money = text
        .rsplit_once('.')
        .is_some_and(|(_, decimals)| decimals.len() == 4 && text.parse::<f64>().is_ok());
    if !money && text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        return format!("'{text}");
    }
    text.to_owned()
}
