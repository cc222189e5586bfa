//! An API over servers of its own, for commands that bring what they look at.

use std::{
    collections::BTreeMap,
    future::Future,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use agent_config::{ApiSettings, Env};
use agent_devenv::PostgresProfile;
use anyhow::{Context as _, bail};
use axum::{Router, routing::post};
use tokio::signal::unix::{SignalKind, signal};

use crate::{context::Lab, servers::Servers};

const PATIENCE: Duration = Duration::from_secs(20);

/// All of it goes with this value.
pub(crate) struct Stage {
    pub(crate) address: SocketAddr,
    environment: BTreeMap<String, String>,
    api: Option<Child>,
    servers: Servers,
}

impl Stage {
    /// Servers with the newest schema and nothing in it; the API does not run yet. The settings
    /// given count beside those that every stage needs.
    pub(crate) async fn set(overrides: &[(&str, String)]) -> anyhow::Result<Self> {
        let servers = Servers::start(PostgresProfile::Throwaway).await?;
        let address = free_address()?;
        let mut environment = keys();
        for (name, value) in [
            ("DATABASE_URL", servers.database.clone()),
            ("REDIS_URL", servers.redis_url.clone()),
            ("HTTP_LISTEN", address.to_string()),
            ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("SMS_URL", sms_provider().await?),
        ]
        .into_iter()
        .chain(overrides.iter().cloned())
        {
            environment.insert(name.to_owned(), value);
        }
        Ok(Self {
            address,
            environment,
            api: None,
            servers,
        })
    }

    /// Deleted at the end.
    pub(crate) fn folder(&self) -> &Path {
        self.servers.folder()
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
