//! An API over servers of its own, for commands that bring what they look at.

use std::{
    collections::BTreeMap,
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use agent_config::{ApiSettings, Env};
use agent_devenv::{
    EnsureOptions, PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer,
    ensure, net::free_port, private_directory, workspace_root,
};
use agent_persistence::migrate;
use anyhow::{Context as _, bail};
use axum::{Router, routing::post};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    context::Lab,
    rig::servers::{Postgres, Redis},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// All of it goes with this value.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    /// Folder that is deleted at the end.
    pub(crate) dir: PathBuf,
    environment: BTreeMap<String, String>,
    api: Option<Child>,
    _servers: (Postgres, Redis),
}

impl Stage {
    /// Servers with the newest schema and nothing in it; the API does not run yet. The settings
    /// given count beside those that every stage needs.
    pub(crate) async fn set(overrides: &[(&str, String)]) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("agent-lab-{}", std::process::id()));
        // The servers run as another user where this one is root.
        private_directory(&dir, 0o711)?;
        let (postgres_port, redis_port) = (free_port()?, free_port()?);
        let address = free_address()?;
        let servers = servers(&dir, postgres_port, redis_port)?;
        let database = format!("postgres://postgres@127.0.0.1:{postgres_port}/postgres");
        let mut environment = keys();
        for (name, value) in [
            ("DATABASE_URL", database.clone()),
            ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}/0")),
            ("HTTP_LISTEN", address.to_string()),
            ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("SMS_URL", sms_provider().await?),
        ]
        .into_iter()
        .chain(overrides.iter().cloned())
        {
            environment.insert(name.to_owned(), value);
        }
        let stage = Self {
            address,
            dir,
            environment,
            api: None,
            _servers: servers,
        };
        migrate::run(&database).await?;
        Ok(stage)
    }

    /// The settings of this stage, and connections made from them.
    pub(crate) fn lab(&self) -> anyhow::Result<Lab> {
        let settings = ApiSettings::load(&Env::from_pairs(self.environment.clone()))?;
        Ok(Lab { settings })
    }

    /// Starts the API that was built together with this program.
    pub(crate) async fn start_api(&mut self) -> anyhow::Result<()> {
        let binary = std::env::current_exe()?.with_file_name("agent-api");
        let api = Command::new(&binary)
            .env_clear()
            .envs(&self.environment)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let api = self.api.insert(api);
        let started = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if api.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("the API did not come up");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(api) = &mut self.api {
            // Dead already: nothing to do.
            api.kill().ok();
            api.wait().ok();
        }
        // Only space is lost where it stays.
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// Does the work until Ctrl-C or SIGTERM; what it holds is dropped then, servers with it.
pub(crate) async fn until_interrupted<T>(
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = work => result,
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("interrupted"),
    }
}

fn servers(dir: &Path, postgres_port: u16, redis_port: u16) -> anyhow::Result<(Postgres, Redis)> {
    let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))?;
    let postgres = PostgresConfig {
        data_dir: dir.join("postgres"),
        port: postgres_port,
        profile: PostgresProfile::Throwaway,
        password: None,
        log: dir.join("postgres.log"),
        template_cache: None,
    };
    let redis = RedisConfig {
        dir: dir.join("redis"),
        port: redis_port,
        durable: false,
        databases: 1,
        password: None,
        log: dir.join("redis.log"),
    };
    Ok((
        Postgres(PostgresServer::start(&tools.postgres, &postgres)?),
        Redis(RedisServer::start(&tools.redis, &redis)?),
    ))
}

/// Keys that are used here and nowhere else.
fn keys() -> BTreeMap<String, String> {
    let pairs = [
        ("SECRET_KEY", "stage-secret-key-0123456789abcdef"),
        ("PASSWORD_SALT", "stage-password-salt"),
        (
            "AES_KEY",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ),
        ("AES_IV", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
        ("MULTI_BRAND_ENFORCEMENT", "enforce"),
        ("LOG_FILTER", "error"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    pairs.into_iter().map(owned).collect()
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Takes every message at once.
async fn sms_provider() -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/send", post(async || "{}"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}/send"))
}
