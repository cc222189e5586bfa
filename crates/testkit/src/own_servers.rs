//! A Postgres and a Redis of one test, which may stop them.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use agent_devenv::{
    EnsureOptions, PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer,
    Tools, ensure, net::free_port, private_directory, workspace_root,
};

static NEXT: AtomicU32 = AtomicU32::new(0);
const PATIENCE: Duration = Duration::from_secs(10);

/// Both servers; they and their data go with this value.
pub struct OwnServers {
    tools: Tools,
    dir: PathBuf,
    postgres_config: PostgresConfig,
    redis_config: RedisConfig,
    postgres: Option<PostgresServer>,
    redis: Option<RedisServer>,
}

impl OwnServers {
    /// Boots both. What they hold survives a stop and a start.
    #[must_use]
    pub fn start() -> Self {
        let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))
            .unwrap_or_else(|error| panic!("{error}"));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("agent-testkit-own-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        // The servers run as another user where this one is root.
        private_directory(&dir, 0o711).expect("a folder");
        let mut servers = Self {
            tools,
            postgres_config: PostgresConfig {
                data_dir: dir.join("postgres"),
                port: free_port().expect("a free port"),
                profile: PostgresProfile::Throwaway,
                password: None,
                log: dir.join("postgres.log"),
                template_cache: Some(std::env::temp_dir().join("agent-testkit-initdb")),
            },
            redis_config: RedisConfig {
                dir: dir.join("redis"),
                port: free_port().expect("a free port"),
                durable: true,
                databases: 1,
                password: None,
                log: dir.join("redis.log"),
            },
            dir,
            postgres: None,
            redis: None,
        };
        servers.start_postgres();
        servers.start_redis();
        servers
    }

    /// Address of the superuser's database.
    #[must_use]
    pub fn database_url(&self) -> String {
        let port = self.postgres_config.port;
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    #[must_use]
    pub fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.redis_config.port)
    }

    pub fn start_postgres(&mut self) {
        let started = PostgresServer::start(&self.tools.postgres, &self.postgres_config);
        self.postgres = Some(started.unwrap_or_else(|error| panic!("{error}")));
    }

    pub fn start_redis(&mut self) {
        let started = RedisServer::start(&self.tools.redis, &self.redis_config);
        self.redis = Some(started.unwrap_or_else(|error| panic!("{error}")));
    }

    /// Ends every session and stops the server.
    pub fn stop_postgres(&mut self) {
        if let Some(mut postgres) = self.postgres.take() {
            postgres.stop(PATIENCE);
        }
    }

    pub fn stop_redis(&mut self) {
        if let Some(mut redis) = self.redis.take() {
            redis.stop(PATIENCE);
        }
    }
}

impl Drop for OwnServers {
    fn drop(&mut self) {
        self.stop_postgres();
        self.stop_redis();
        // Only space is lost when this fails.
        std::fs::remove_dir_all(&self.dir).ok();
    }
}
