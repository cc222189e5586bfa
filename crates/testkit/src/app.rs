//! An API of its own for every test.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use agent_api::serve::{self, BrandGuard, Listeners};
use agent_config::{ApiSettings, Env, WorkerSettings};
use agent_services::{
    App, Clock,
    outbox_relay::{Relay, Step},
};
use agent_telemetry::{Metrics, log};
use redis::aio::MultiplexedConnection;
use sqlx::PgPool;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

use crate::{
    client::{Answer, Session},
    database::TestDatabase,
    fake_sms::FakeSms,
    fixture,
    own_servers::OwnServers,
    probe,
    redis_database::RedisDatabase,
};

/// Keys that tests use; none of them is used anywhere else.
const KEYS: [(&str, &str); 5] = [
    ("SECRET_KEY", "testkit-secret-key-0123456789abcdef"),
    ("PASSWORD_SALT", fixture::PASSWORD_SALT),
    ("AES_KEY", fixture::AES_KEY),
    ("AES_IV", fixture::AES_IV),
    ("LOG_FILTER", "debug"),
];

/// How long messages may be on their way when a test ends.
const MESSAGES_END: Duration = Duration::from_secs(10);

/// A running API with everything a test needs to look behind it.
pub struct TestApp {
    pub address: std::net::SocketAddr,
    pub metrics_address: std::net::SocketAddr,
    pub app: App,
    pub guard: BrandGuard,
    pub metrics: Arc<Metrics>,
    pub clock: Clock,
    /// With the owner's rights.
    pub owner: PgPool,
    pub redis: MultiplexedConnection,
    pub logs: Logs,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) http: reqwest::Client,
    pub(crate) planted: Mutex<Vec<String>>,
    planted_codes: Mutex<Vec<String>>,
    sms: FakeSms,
    database: TestDatabase,
    redis_database: RedisDatabase,
    shutdown: CancellationToken,
    serving: Option<JoinHandle<()>>,
    finished: bool,
    _subscriber: tracing::subscriber::DefaultGuard,
}

impl TestApp {
    /// An API under `enforce` with cheap password hashing.
    pub async fn spawn() -> Self {
        Self::with(&[]).await
    }

    /// As [`Self::spawn`] with some variables set differently; an empty value unsets.
    pub async fn with(overrides: &[(&str, &str)]) -> Self {
        let (database, redis_database) =
            (TestDatabase::create().await, RedisDatabase::claim().await);
        Self::over(database, redis_database, overrides).await
    }

    /// As [`Self::with`], over servers that the test may stop.
    pub async fn on(servers: &OwnServers, overrides: &[(&str, &str)]) -> Self {
        let database = TestDatabase::on_own_server(servers.database_url()).await;
        let redis_database = RedisDatabase::on_own_server(servers.redis_url());
        Self::over(database, redis_database, overrides).await
    }

    async fn over(
        database: TestDatabase,
        redis_database: RedisDatabase,
        overrides: &[(&str, &str)],
    ) -> Self {
        agent_crypto::install_provider();
        // Fails only when another test was faster.
        rustls::crypto::aws_lc_rs::default_provider()
            .install_default()
            .ok();
        let logs = Logs::default();
        let subscriber = tracing_subscriber::registry().with(log::layer_for_tests(logs.clone()));
        let guard = tracing::subscriber::set_default(subscriber);
        let sms = FakeSms::start().await;
        let environment = environment(&database, &redis_database, &sms, overrides);
        let settings = ApiSettings::load(&Env::from_pairs(environment.clone()));
        let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
        let clock = Clock::system();
        let api = serve::assemble(&settings, clock.clone()).expect("the API is put together");
        let listeners = Listeners::bind(&settings).expect("ports are free");
        let address = listeners.http.local_addr().expect("address");
        let metrics_address = listeners.metrics.local_addr().expect("address");
        let (app, brands, metrics) = (api.app.clone(), api.guard.clone(), api.metrics.clone());
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let serving = tokio::spawn(async move {
            serve::run(api, listeners, &settings, stop)
                .await
                .expect("the API serves");
        });
        Self {
            address,
            metrics_address,
            app,
            guard: brands,
            metrics,
            clock,
            owner: database.owner_pool().await,
            redis: redis_database.connect().await,
            logs,
            environment,
            http: client(),
            planted: Mutex::default(),
            planted_codes: Mutex::default(),
            sms,
            database,
            redis_database,
            shutdown,
            serving: Some(serving),
            finished: false,
            _subscriber: guard,
        }
    }

    /// The variables of this API, for processes that are to share its database and Redis.
    #[must_use]
    pub fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Something that must not show up in any log, metric, Redis key or table.
    pub fn plant(&self, secret: impl Into<String>) {
        self.planted
            .lock()
            .expect("planted secrets")
            .push(secret.into());
    }

    /// As [`Self::plant`], for a one-time code: it is looked for where it stands by itself, because
    /// six digits are in every longer number by chance. Codes that [`Self::sms`] was handed are
    /// planted without asking.
    pub fn plant_code(&self, code: impl Into<String>) {
        self.planted_codes
            .lock()
            .expect("planted codes")
            .push(code.into());
    }

    /// The SMS provider of this API.
    #[must_use]
    pub fn sms(&self) -> &FakeSms {
        &self.sms
    }

    /// A request to a path under a host.
    pub fn request(&self, method: &str, host: &str, path: &str) -> reqwest::RequestBuilder {
        let method = method.parse().expect("a method");
        let url = format!("http://{}{path}", self.address);
        self.http.request(method, url).header("Host", host)
    }

    /// Signs in and gives what was answered.
    pub async fn try_login(&self, host: &str, username: &str, password: &str) -> Answer {
        let body = serde_json::json!({ "username": username, "password": password });
        Answer::of(self.request("POST", host, "/agent/login").json(&body)).await
    }

    /// Signs in; the tokens are secrets that the probe looks for.
    pub async fn login(&self, host: &str, username: &str, password: &str) -> Session<'_> {
        let answer = self.try_login(host, username, password).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        Session::new(self, host, &answer)
    }

    /// A relay of its own over the same outbox.
    #[must_use]
    pub fn relay(&self, instance: &str) -> Relay {
        let mut environment = self.environment.clone();
        environment.insert("WORKER_INSTANCE".to_owned(), instance.to_owned());
        let settings = WorkerSettings::load(&Env::from_pairs(environment));
        let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
        agent_worker::serve::relay(&settings, self.app.core.clone()).expect("a relay")
    }

    /// Publishes until nothing waits; tells how many events.
    pub async fn drain_outbox(&self) -> usize {
        let mut relay = self.relay("testkit-drain");
        let mut published = 0;
        loop {
            match relay.step().await.expect("the relay works") {
                Step::Idle => break,
                Step::Published(count) | Step::Emptied(count) => published += count,
            }
        }
        relay.release().await.expect("the leases are given up");
        published
    }

    /// Ends the test: nothing planted was found anywhere, every account is the sum of its ledger,
    /// every event is published or waits.
    pub async fn finish(mut self) {
        self.finished = true;
        self.end_messages().await;
        probe::books_balance(&self.owner).await;
        probe::outbox_is_accounted_for(&self.owner, &mut self.redis).await;
        let planted = std::mem::take(&mut *self.planted.lock().expect("planted secrets"));
        let codes = std::mem::take(&mut *self.planted_codes.lock().expect("planted codes"));
        let mut places = vec![
            ("logs".to_owned(), self.logs_to_probe()),
            ("metrics".to_owned(), self.metrics.render()),
        ];
        places.extend(probe::redis_contents(&mut self.redis).await);
        places.extend(probe::table_contents(&self.owner).await);
        probe::assert_absent(&planted, &places);
        probe::assert_codes_absent(&codes, &places);
        self.stop().await;
        self.owner.close().await;
        self.database.drop().await;
        self.redis_database.release().await;
    }

    /// Lets messages on their way come to their end, so that their lines are in the log, and plants
    /// what they held.
    async fn end_messages(&self) {
        self.sms.release();
        self.app.sms.drain(MESSAGES_END).await;
        for message in self.sms.messages() {
            if let Some(code) = message.find_code() {
                self.plant_code(code);
            }
            if let Some(digits) = message.to.strip_prefix('+') {
                self.plant(digits);
            }
            self.plant(message.to);
        }
    }

    /// The log without the lines that a test asked for (P-203).
    fn logs_to_probe(&self) -> String {
        let text = self.logs.text();
        let switch = self.environment.get("RECOVERY_EXPOSE_TOKEN_FOR_TESTS");
        if switch.is_none_or(|switch| switch != "on") {
            return text;
        }
        let kept = |line: &&str| !line.contains("shown for tests only: tel=");
        text.lines().filter(kept).collect::<Vec<_>>().join("\n")
    }

    /// Connects to Redis anew: the test's connection does not outlive a restart.
    pub async fn reconnect_redis(&mut self) {
        self.redis = self.redis_database.connect().await;
    }

    /// Panics when something planted is in a text, such as the log of another process.
    pub fn assert_nothing_planted(&self, place: &str, text: String) {
        let planted = self.planted.lock().expect("planted secrets").clone();
        probe::assert_absent(&planted, &[(place.to_owned(), text)]);
    }

    /// Stops the API gracefully.
    pub async fn stop(&mut self) {
        self.shutdown.cancel();
        if let Some(serving) = self.serving.take() {
            serving.await.expect("the API stopped without a panic");
        }
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if !self.finished && !std::thread::panicking() {
            panic!("a test ended without TestApp::finish, so nothing was probed");
        }
    }
}

fn environment(
    database: &TestDatabase,
    redis: &RedisDatabase,
    sms: &FakeSms,
    overrides: &[(&str, &str)],
) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = KEYS
        .into_iter()
        .chain([
            ("DATABASE_URL", database.url.as_str()),
            ("REDIS_URL", redis.url.as_str()),
            // Channels belong to the whole server, so tests would hear each other.
            ("REDIS_CHANNEL_PREFIX", database.name.as_str()),
            ("MULTI_BRAND_ENFORCEMENT", "enforce"),
            ("SMS_URL", sms.url()),
            ("HTTP_LISTEN", "127.0.0.1:0"),
            ("METRICS_LISTEN", "127.0.0.1:0"),
            ("WORKER_LISTEN", "127.0.0.1:0"),
            // The cheapest that Argon2 allows: tests are not what it protects.
            ("ARGON2_MEMORY_KIB", "64"),
            ("ARGON2_TIME", "1"),
            // Tests are busier than any person.
            ("CHANGES_PER_HOUR", "1000000"),
            ("EXPORTS_PER_HOUR", "1000000"),
        ])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in overrides {
        environment.insert((*name).to_owned(), (*value).to_owned());
    }
    environment
}

fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(std::time::Duration::from_secs(60))
        .build()
        .expect("an HTTP client")
}

/// What the API logged on this test's thread.
#[derive(Clone, Default)]
pub struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("logs")).into_owned()
    }

    /// Every line as the JSON object that it must be.
    #[must_use]
    pub fn lines(&self) -> Vec<serde_json::Value> {
        let read = |line: &str| {
            serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON object: {line:?}"))
        };
        self.text().lines().map(read).collect()
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("logs").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
