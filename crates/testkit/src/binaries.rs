//! The real binaries beside a [`TestApp`], on its database and Redis.

use std::{
    collections::BTreeMap,
    fs::File,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use reqwest::RequestBuilder;

use crate::{
    app::TestApp,
    client::Answer,
    fixture::{AgentFixture, BrandFixture},
    process,
};

/// Nothing that is waited for here takes longer on a machine that works.
pub const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(20);

static NEXT: AtomicU32 = AtomicU32::new(0);

/// `agent-api` or `agent-worker` as a process; killed when dropped.
pub struct Binary {
    child: Child,
    name: &'static str,
    /// Of the API; of the worker its health and metrics.
    pub address: SocketAddr,
    log: PathBuf,
    http: reqwest::Client,
}

impl TestApp {
    /// Starts the API as a process and waits until it answers. Access tokens outlive its restart.
    pub async fn api_binary(&self, overrides: &[(&str, &str)]) -> Binary {
        let jwt = [("JWT_PRIVATE_KEY", jwt_private_key())];
        let overrides: Vec<_> = jwt.into_iter().chain(overrides.iter().copied()).collect();
        self.binary("agent-api", "HTTP_LISTEN", &overrides).await
    }

    /// Starts the worker as a process and waits until it answers.
    pub async fn worker_binary(&self, overrides: &[(&str, &str)]) -> Binary {
        self.binary("agent-worker", "WORKER_LISTEN", overrides)
            .await
    }

    async fn binary(&self, name: &'static str, listen: &str, overrides: &[(&str, &str)]) -> Binary {
        let mut environment = self.environment().clone();
        environment.insert("LOG_FILTER".to_owned(), "info".to_owned());
        for (variable, value) in overrides {
            environment.insert((*variable).to_owned(), (*value).to_owned());
        }
        let given = overrides.iter().find(|(variable, _)| *variable == listen);
        let address = match given {
            Some((_, address)) => address.parse().expect("an address"),
            None => process::free_address(),
        };
        environment.insert(listen.to_owned(), address.to_string());
        let mut binary = Binary::spawn(name, address, &environment);
        binary.wait_until_alive().await;
        binary
    }
}

impl Binary {
    /// Starts a process that may or may not come up.
    #[must_use]
    pub fn spawn(
        name: &'static str,
        address: SocketAddr,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let log = format!("agent-testkit-{name}-{}-{number}.log", std::process::id());
        let log = std::env::temp_dir().join(log);
        let file = File::create(&log).expect("a log file");
        let child = process::command(name, environment)
            .stdout(Stdio::null())
            .stderr(file)
            .spawn();
        Self {
            child: child.expect("the binary starts"),
            name,
            address,
            log,
            http: client(),
        }
    }

    async fn wait_until_alive(&mut self) {
        let started = Instant::now();
        let url = format!("http://{}/health/live", self.address);
        while self.http.get(&url).send().await.is_err() {
            assert!(self.is_alive(), "{} ended: {}", self.name, self.log());
            assert!(
                started.elapsed() < PATIENCE,
                "{}: {}",
                self.name,
                self.log()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// What the process wrote to stderr.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().expect("asked").is_none()
    }

    /// `kill -9`.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("reaped");
    }

    /// SIGTERM without waiting.
    pub fn ask_to_stop(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").arg(pid).status().expect("kill runs");
        assert!(sent.success(), "the process is alive");
    }

    /// Waits for the end of a process that was asked to stop.
    pub async fn ended(&mut self) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("asked") {
                return status;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "{}: {}",
                self.name,
                self.log()
            );
            tokio::time::sleep(POLL).await;
        }
    }

    /// A request to a path under a host.
    pub fn request(&self, method: &str, host: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        let url = format!("http://{}{path}", self.address);
        self.http.request(method, url).header("Host", host)
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(self.request("GET", "localhost", path)).await
    }

    /// Waits until a path answers with a status.
    pub async fn wait_for_status(&self, path: &str, status: u16) -> Answer {
        let started = Instant::now();
        loop {
            let answer = self.get(path).await;
            if answer.status == status {
                return answer;
            }
            let waited = started.elapsed();
            assert!(waited < PATIENCE, "{path}: {answer:?}; {}", self.log());
            tokio::time::sleep(POLL).await;
        }
    }

    pub async fn try_login(&self, agent: &AgentFixture, brand: &BrandFixture) -> Answer {
        let body = serde_json::json!({ "username": agent.username, "password": agent.password });
        let request = self.request("POST", &brand.host, "/agent/login");
        Answer::of(request.json(&body)).await
    }

    /// Signs in and gives the access token.
    pub async fn login(&self, agent: &AgentFixture, brand: &BrandFixture) -> String {
        let answer = self.try_login(agent, brand).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let token = answer.body["access_token"].as_str().expect("a token");
        token.to_owned()
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        // Dead already, or the log gone: nothing to do.
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_file(&self.log).ok();
    }
}

/// Makes a connection for each request: a kept one may be closed just when it is used again, by a
/// process that ends or that found it idle for too long.
fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(Duration::from_secs(60))
        .build()
        .expect("an HTTP client")
}

/// One key for all API processes of a test run: it takes a moment to make.
fn jwt_private_key() -> &'static str {
    static KEY: OnceLock<String> = OnceLock::new();
    KEY.get_or_init(|| {
        let key = agent_crypto::jwt::generate_private_pem().expect("a key");
        key.as_str().to_owned()
    })
}
