//! Postgres and Redis with nothing in them but the schema, for commands that bring what they need.

use std::path::{Path, PathBuf};

use agent_devenv::{
    EnsureOptions, PostgresConfig, PostgresProfile, PostgresServer, ensure, net::free_port,
    private_directory, workspace_root,
};
use agent_persistence::migrate;

use crate::rig::{
    servers::{self, Postgres, Redis},
    site::Folder,
};

/// Stopped with this value, and what they wrote is deleted. Each is a value of its own as soon as it
/// runs, so that it stops too when what comes next fails.
pub(crate) struct Servers {
    /// URL of the database, for its owner.
    pub(crate) database: String,
    pub(crate) redis_url: String,
    pub(crate) postgres: Postgres,
    pub(crate) redis: Redis,
    /// The last one: the servers have their files in it.
    folder: Folder,
}

impl Servers {
    pub(crate) async fn start(profile: PostgresProfile) -> anyhow::Result<Self> {
        let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))?;
        let (postgres_port, redis_port) = (free_port()?, free_port()?);
        let name = format!("agent-lab-{}-{postgres_port}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        // The servers run as another user where this one is root.
        private_directory(&folder.0, 0o711)?;
        let config = PostgresConfig {
            data_dir: folder.0.join("postgres"),
            port: postgres_port,
            profile,
            password: None,
            log: log(&folder.0),
            template_cache: None,
        };
        let servers = Self {
            database: servers::database(postgres_port),
            redis_url: format!("redis://127.0.0.1:{redis_port}/0"),
            postgres: Postgres(PostgresServer::start(&tools.postgres, &config)?),
            redis: Redis(servers::redis(&tools, &folder.0, redis_port)?),
            folder,
        };
        migrate::run(&servers.database).await?;
        Ok(servers)
    }

    /// Where the servers have their files; others may lie beside them.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// Where Postgres writes its log.
    pub(crate) fn log(&self) -> PathBuf {
        log(self.folder())
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("postgres.log")
}
