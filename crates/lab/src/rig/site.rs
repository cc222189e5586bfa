//! Where the servers of a rig are, and what programs have to know of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use agent_crypto::jwt;
use agent_devenv::{
    EnsureOptions, Tools, ensure, net::free_port, private_directory, workspace_root,
};

use super::{
    Rig,
    cores::Cores,
    servers::{self, Postgres, Redis},
};

/// Redis runs, Postgres does not yet.
pub(super) struct Site {
    tools: Tools,
    postgres_port: u16,
    log: PathBuf,
    environment: BTreeMap<String, String>,
    redis: Redis,
    folder: Folder,
}

/// Deleted with this value.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Only space is lost where something cannot be removed.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

impl Site {
    /// The settings given count beside those of every rig.
    pub(super) fn choose(overrides: &[(&str, &str)]) -> anyhow::Result<Self> {
        let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))?;
        let (postgres_port, redis_port) = (free_port()?, free_port()?);
        let name = format!("agent-lab-rig-{}-{postgres_port}", std::process::id());
        let folder = Folder(std::env::temp_dir().join(name));
        private_directory(&folder.0, 0o711)?;
        let redis = Redis(servers::redis(&tools, &folder.0, redis_port)?);
        let mut environment = environment(&servers::database(postgres_port), redis_port)?;
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        environment.extend(overrides.iter().map(owned));
        Ok(Self {
            tools,
            postgres_port,
            log: folder.0.join("postgres.log"),
            environment,
            redis,
            folder,
        })
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }

    pub(super) fn postgres_port(&self) -> u16 {
        self.postgres_port
    }

    pub(super) fn log(&self) -> &Path {
        &self.log
    }

    pub(super) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// A Postgres without data, which it leaves in the folder of this site.
    pub(super) fn new_postgres(&self) -> anyhow::Result<Postgres> {
        let data = self.folder.0.join("postgres");
        let server = servers::postgres(&self.tools, &data, self.postgres_port, &self.log)?;
        Ok(Postgres(server))
    }

    /// With the Postgres of this site; both servers move to the core of the product.
    pub(super) fn rig(self, postgres: Postgres) -> anyhow::Result<Rig> {
        let rig = Rig {
            cores: Cores::of_this_machine(),
            database: servers::database(self.postgres_port),
            log: self.log,
            environment: self.environment,
            postgres,
            redis: self.redis,
            _folder: self.folder,
        };
        rig.cores.move_to_product(rig.postgres.0.id().pid)?;
        rig.cores.move_to_product(rig.redis.0.id().pid)?;
        Ok(rig)
    }
}

/// Keys that are used here and nowhere else, and limits that no measurement is to meet.
fn environment(database: &str, redis_port: u16) -> anyhow::Result<BTreeMap<String, String>> {
    let pairs = [
        ("DATABASE_URL", database.to_owned()),
        ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}/0")),
        ("SECRET_KEY", "bench-secret-key-0123456789abcdef".to_owned()),
        ("PASSWORD_SALT", "bench-password-salt".to_owned()),
        (
            "AES_KEY",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".to_owned(),
        ),
        ("AES_IV", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff".to_owned()),
        // As in production: a process that has to make its own key starts later.
        ("JWT_PRIVATE_KEY", jwt::generate_private_pem()?.to_string()),
        ("MULTI_BRAND_ENFORCEMENT", "enforce".to_owned()),
        ("LOG_FILTER", "error".to_owned()),
        // Longer than any measurement.
        ("ACCESS_TOKEN_TTL_SECONDS", "3600".to_owned()),
    ];
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    Ok(pairs.into_iter().map(owned).collect())
}
