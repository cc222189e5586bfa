//! Postgres, Redis and the programs of a measurement.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use agent_devenv::{
    DevEnvError, PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer, Tools,
};
use anyhow::{Context as _, bail, ensure};
use serde_json::json;

use super::http::{self, Body, Connection};
use crate::seed::logins::PASSWORD;

/// Longest wait for a server to come or to go.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Stopped with this value.
pub(crate) struct Postgres(pub(crate) PostgresServer);

impl Drop for Postgres {
    fn drop(&mut self) {
        self.0.stop(PATIENCE);
    }
}

/// Stopped with this value.
pub(crate) struct Redis(pub(crate) RedisServer);

impl Drop for Redis {
    fn drop(&mut self) {
        self.0.stop(PATIENCE);
    }
}

/// With the settings of a server that is measured.
pub(super) fn postgres(
    tools: &Tools,
    data_dir: &Path,
    port: u16,
    log: &Path,
) -> Result<PostgresServer, DevEnvError> {
    let config = PostgresConfig {
        data_dir: data_dir.to_path_buf(),
        port,
        profile: PostgresProfile::Measured,
        password: None,
        log: log.to_path_buf(),
        template_cache: None,
    };
    PostgresServer::start(&tools.postgres, &config)
}

pub(crate) fn database(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

pub(crate) fn redis(tools: &Tools, dir: &Path, port: u16) -> Result<RedisServer, DevEnvError> {
    let config = RedisConfig {
        dir: dir.join("redis"),
        port,
        durable: false,
        databases: 1,
        password: None,
        log: dir.join("redis.log"),
    };
    RedisServer::start(&tools.redis, &config)
}

/// The API, the worker, or what stands in for one. Killed with this value.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// From a command that names the program, until it takes connections.
    pub(super) async fn start(
        mut program: Command,
        environment: &BTreeMap<String, String>,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        drop(listener);
        let child = program
            .env_clear()
            .envs(environment)
            .env("HTTP_LISTEN", address.to_string())
            .env("METRICS_LISTEN", "127.0.0.1:0")
            .env("WORKER_LISTEN", address.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the program")?;
        let mut server = Self { child, address };
        let started = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if server.child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("the program did not come up");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// An access token of an account with the demo password.
    pub(crate) fn sign_in(&self, host: &str, username: &str) -> anyhow::Result<String> {
        let mut connection = Connection::open(self.address)?;
        let answer = connection.ask(&login(host, username), Body::Keep)?;
        ensure!(answer.status == 200, "{username} cannot sign in");
        let token = connection.json()?["access_token"]
            .as_str()
            .map(str::to_owned);
        token.context("an access token")
    }

    /// Memory that is resident, in MiB.
    pub(crate) fn resident_mebibytes(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes: f64 = line
            .and_then(|line| line.split_whitespace().next())
            .context("VmRSS")?
            .parse()?;
        Ok(kibibytes / 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Dead already: nothing to do.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The request that signs an account with the demo password in.
pub(crate) fn login(host: &str, username: &str) -> String {
    let body = json!({ "username": username, "password": PASSWORD });
    http::post(host, "/agent/login", "", &body)
}
