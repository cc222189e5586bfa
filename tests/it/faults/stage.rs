//! Both binaries at work for one agent.

use std::time::{Duration, Instant};

use agent_testkit::{
    AgentFixture, Answer, BrandFixture, TestApp,
    binaries::{Binary, PATIENCE},
};
use futures_util::future::join_all;
use serde_json::json;

/// Times that let a fault show, and be over, quickly.
const QUICK: [(&str, &str); 6] = [
    ("HEARTBEAT_INTERVAL_MS", "100"),
    ("HEARTBEAT_STALE_MS", "1500"),
    ("OUTBOX_POLL_MS", "200"),
    ("DB_ACQUIRE_TIMEOUT_MS", "500"),
    ("HTTP_REQUEST_TIMEOUT_MS", "3000"),
    ("WITHDRAW_MAX_OPEN", "1000"),
];

/// An agent with money, and the real API and worker.
pub(super) struct Stage {
    pub(super) app: TestApp,
    pub(super) api: Binary,
    pub(super) worker: Binary,
    pub(super) brand: BrandFixture,
    pub(super) agent: AgentFixture,
    card: i64,
    token: String,
}

impl Stage {
    /// The binaries see the app's servers, or what the overrides put before them.
    pub(super) async fn set(app: TestApp, overrides: &[(&str, &str)]) -> Self {
        let overrides: Vec<_> = QUICK.into_iter().chain(overrides.iter().copied()).collect();
        let brand = app.brand("a").await;
        let agent = app.agent("steady", &[&brand]).await;
        let card = app.card(&agent).await;
        app.credit(&agent, &brand, "1000000").await;
        let api = app.api_binary(&overrides).await;
        let worker = app.worker_binary(&overrides).await;
        let token = api.login(&agent, &brand).await;
        app.plant(&token);
        let stage = Self {
            app,
            api,
            worker,
            brand,
            agent,
            card,
            token,
        };
        stage.assert_works().await;
        stage
    }

    pub(super) async fn read(&self) -> Answer {
        let request = self.api.request("GET", &self.brand.host, "/agent/top_info");
        Answer::of(request.bearer_auth(&self.token)).await
    }

    pub(super) async fn withdraw(&self) -> Answer {
        let request = self
            .api
            .request("POST", &self.brand.host, "/agent/withdraw/add");
        let body = json!({ "amount": "500", "card_id": self.card });
        Answer::of(request.bearer_auth(&self.token).json(&body)).await
    }

    pub(super) async fn login(&self) -> Answer {
        self.api.try_login(&self.agent, &self.brand).await
    }

    /// Reads, writes and logins, many at once: each is answered in time, and none by 500.
    pub(super) async fn answers_of_a_crowd(&self, within: Duration) -> Vec<Answer> {
        let started = Instant::now();
        let crowd = (0..8)
            .map(|_| async { [self.read().await, self.withdraw().await, self.login().await] });
        let answers: Vec<Answer> = join_all(crowd).await.into_iter().flatten().collect();
        let took = started.elapsed();
        assert!(took < within, "{took:?}");
        for answer in &answers {
            assert!(answer.status < 500 || answer.status == 503, "{answer:?}");
            if answer.status == 503 {
                answer.assert_problem(503, "unavailable");
                assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
            }
        }
        answers
    }

    /// All is well: requests are served, the event of a withdrawal reaches the stream.
    async fn assert_works(&self) {
        let (read, login) = (self.read().await, self.login().await);
        assert_eq!(
            (read.status, login.status),
            (200, 200),
            "{read:?} {login:?}"
        );
        let made = self.withdraw().await;
        assert_eq!(made.status, 201, "{made:?}");
        self.until_published().await;
    }

    /// Both recover by themselves, as the processes that they were.
    pub(super) async fn until_recovered(&mut self) {
        self.api.wait_for_status("/health", 200).await;
        self.worker.wait_for_status("/health", 200).await;
        assert!(self.api.is_alive() && self.worker.is_alive());
        // A connection that died within the last second may still be handed out, once.
        let started = Instant::now();
        while self.read().await.status == 503 {
            assert!(started.elapsed() < PATIENCE, "{}", self.api.log());
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        self.assert_works().await;
    }

    pub(super) async fn until_published(&self) {
        let started = Instant::now();
        let waiting = "SELECT count(*) FROM agent_outbox_pending WHERE parked_at IS NULL";
        while self.app.count(waiting).await > 0 {
            assert!(started.elapsed() < PATIENCE, "{}", self.worker.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends both in good order and looks for what must not be anywhere.
    pub(super) async fn strike(mut self) {
        assert_eq!(
            self.app
                .count("SELECT count(*) FROM agent_outbox_pending")
                .await,
            0
        );
        for binary in [&mut self.api, &mut self.worker] {
            binary.ask_to_stop();
            assert_eq!(binary.ended().await.code(), Some(0), "{}", binary.log());
            self.app
                .assert_nothing_planted("a binary's log", binary.log());
        }
        self.app.reconnect_redis().await;
        self.app.finish().await;
    }
}
