//! Postgres, Redis and the API of a measurement.

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
use anyhow::{Context as _, bail};

/// Longest wait for a server to come or to go.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

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

pub(super) fn database(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

pub(super) fn redis(tools: &Tools, dir: &Path, port: u16) -> Result<RedisServer, DevEnvError> {
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

/// An API that is killed with this value.
pub(crate) struct Api {
    child: Child,
    address: SocketAddr,
}

impl Api {
    /// From a command that names the program.
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
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the API")?;
        let mut api = Self { child, address };
        let started = Instant::now();
        while tokio::net::TcpStream::connect(address).await.is_err() {
            if api.child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("the API did not come up");
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(api)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Memory that is resident, in bytes.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        resident(self.child.id())
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        // Dead already: nothing to do.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn resident(pid: u32) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .context("VmRSS")?
        .parse()?;
    Ok(kibibytes * 1024)
}
