//! Servers for the tests of this crate.

use std::{
    path::PathBuf,
    process::Command,
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use agent_devenv::{
    EnsureOptions, RedisConfig, RedisServer, RedisTools, ensure,
    net::free_port,
    testservers::{Pair, shared_pair},
    workspace_root,
};
use redis::{AsyncCommands, aio::MultiplexedConnection};

use crate::{Kv, KvSettings};

pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

static SHARED: LazyLock<Pair> = LazyLock::new(|| shared_pair().unwrap());
static NEXT: AtomicU32 = AtomicU32::new(0);

/// One of the shared server's databases, empty, and channels of its own.
pub(super) struct Database {
    pub(super) kv: Kv,
    pub(super) raw: MultiplexedConnection,
    pub(super) number: u32,
    pub(super) url: String,
}

pub(super) async fn database() -> Database {
    // Other test processes use databases of the same server. These ones are for this crate, and
    // a counter beside them deals them out, so that it may be tested twice at once.
    let mut dealer = raw(&format!("{}/899", SHARED.redis_url)).await;
    let turn: u32 = dealer.incr("agent-kv:tests", 1).await.unwrap();
    let number = 900 + turn % 100;
    let url = format!("{}/{number}", SHARED.redis_url);
    let mut raw = raw(&url).await;
    let () = redis::cmd("FLUSHDB").query_async(&mut raw).await.unwrap();
    Database {
        kv: open(&url),
        raw,
        number,
        url,
    }
}

pub(super) fn open(url: &str) -> Kv {
    let prefix = format!("kv-{}-{}:", std::process::id(), NEXT.fetch_add(1, Relaxed));
    Kv::open(KvSettings {
        url: url.to_owned(),
        channel_prefix: prefix,
        response_timeout: RESPONSE_TIMEOUT,
    })
    .unwrap()
}

pub(super) async fn raw(url: &str) -> MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    client.get_multiplexed_async_connection().await.unwrap()
}

/// A server of one test, which may stop, freeze and restart it.
pub(super) struct OwnServer {
    tools: RedisTools,
    config: RedisConfig,
    server: Option<RedisServer>,
}

impl OwnServer {
    pub(super) fn start() -> Self {
        let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))
            .unwrap()
            .redis;
        let name = format!(
            "agent-kv-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Relaxed)
        );
        let dir: PathBuf = std::env::temp_dir().join(name);
        let mut own = Self {
            tools,
            config: RedisConfig {
                log: dir.join("redis.log"),
                dir,
                port: free_port().unwrap(),
                durable: false,
                databases: 2,
                password: None,
            },
            server: None,
        };
        own.boot();
        own
    }

    pub(super) fn boot(&mut self) {
        std::fs::create_dir_all(&self.config.dir).unwrap();
        self.server = Some(RedisServer::start(&self.tools, &self.config).unwrap());
    }

    pub(super) fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.stop(Duration::from_secs(5));
        }
    }

    /// Stops the process where it stands: its sockets stay open and silent, like those of a
    /// machine that lost its network.
    pub(super) fn freeze(&self) {
        self.signal("-STOP");
    }

    pub(super) fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let pid = self.server.as_ref().unwrap().id().pid.to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/1", self.config.port)
    }
}

impl Drop for OwnServer {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.thaw();
            self.stop();
        }
        let _ = std::fs::remove_dir_all(&self.config.dir);
    }
}

/// Waits until Redis answers again and gives how long that took.
pub(super) async fn until_up(kv: &Kv) -> Duration {
    let start = Instant::now();
    while kv.ping().await.is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "still away");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}
