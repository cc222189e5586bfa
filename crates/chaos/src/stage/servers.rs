//! A Postgres and a Redis of this run, in a folder of its own.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use agent_devenv::{
    EnsureOptions, PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer,
    ensure, net::free_port, private_directory, workspace_root,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// Both servers. They and their data go with this value; logs stay when the run says so.
pub(crate) struct Servers {
    dir: PathBuf,
    postgres_port: u16,
    redis_port: u16,
    postgres: PostgresServer,
    redis: RedisServer,
    keep_logs: bool,
}

impl Servers {
    /// Boots both. Blocks.
    pub(crate) fn start(seed: u64) -> anyhow::Result<Self> {
        let name = format!("agent-chaos-{seed}-{}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        // The servers run as another user where this one is root.
        private_directory(&dir, 0o711)?;
        let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))?;
        let (postgres_port, redis_port) = (free_port()?, free_port()?);
        // Processes are killed here, servers are not: what they hold need not survive a crash.
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
        let postgres = PostgresServer::start(&tools.postgres, &postgres)?;
        let redis = match RedisServer::start(&tools.redis, &redis) {
            Ok(redis) => redis,
            Err(error) => {
                let mut postgres = postgres;
                postgres.stop(PATIENCE);
                return Err(error.into());
            }
        };
        Ok(Self {
            dir,
            postgres_port,
            redis_port,
            postgres,
            redis,
            keep_logs: true,
        })
    }

    /// With a superuser's rights.
    pub(crate) fn database_url(&self) -> String {
        format!(
            "postgres://postgres@127.0.0.1:{}/postgres",
            self.postgres_port
        )
    }

    pub(crate) fn redis_url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.redis_port)
    }

    /// Where the logs of all processes are.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// All is well: nobody will want to read the logs.
    pub(crate) fn forget_logs(&mut self) {
        self.keep_logs = false;
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        self.postgres.stop(PATIENCE);
        self.redis.stop(PATIENCE);
        // Only space is lost when any of this fails.
        if self.keep_logs {
            for data in ["postgres", "redis"] {
                std::fs::remove_dir_all(self.dir.join(data)).ok();
            }
        } else {
            std::fs::remove_dir_all(&self.dir).ok();
        }
    }
}
