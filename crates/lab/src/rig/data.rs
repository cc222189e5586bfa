//! A database with a large downline, made once and kept under `.dev/bench` for the next run.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
};

use agent_devenv::{FileLock, PostgresServer, Stop, Tools, place, private_directory};
use agent_persistence::migrate;
use anyhow::{Context as _, ensure};
use sqlx::{Connection as _, PgConnection};

use super::servers::{self, PATIENCE};
use crate::out::say;

/// What the data are made from. Where any of it changed, they are made anew.
const SOURCES: &[(&str, &str)] = &[
    ("migrations", ""),
    ("crates/lab/src/seed", ""),
    ("crates/persistence/src", "rollup"),
];

/// A data folder, and the lock that keeps a second run away from it.
pub(super) struct DataSet {
    dir: PathBuf,
    players: u32,
    made_from: String,
    _lock: FileLock,
}

impl DataSet {
    /// Takes the folder; what an interrupted run left there is stopped.
    pub(super) fn open(root: &Path, players: u32) -> anyhow::Result<Self> {
        let dev = root.join(".dev");
        private_directory(&dev, 0o711)?;
        let bench = dev.join("bench");
        private_directory(&bench, 0o711)?;
        let lock = FileLock::exclusive(&bench.join("lock"), "another bench")?;
        let dir = bench.join(format!("players-{players}"));
        private_directory(&dir, 0o711)?;
        Ok(Self {
            dir,
            players,
            made_from: fingerprint(root)?,
            _lock: lock,
        })
    }

    fn postgres(&self) -> PathBuf {
        self.dir.join("postgres")
    }

    /// Written when the data are whole.
    fn mark(&self) -> PathBuf {
        self.dir.join("made-from")
    }

    fn is_made(&self) -> bool {
        fs::read_to_string(self.mark()).is_ok_and(|made_from| made_from == self.made_from)
    }

    /// Boots the server on the data; makes them first where they are missing or out of date.
    pub(super) async fn start(
        &self,
        tools: &Tools,
        port: u16,
        log: &Path,
        seed: impl FnOnce() -> std::process::Command,
    ) -> anyhow::Result<PostgresServer> {
        let folder = place(&tools.postgres, &self.postgres())?.data_dir;
        if let Some((left, _)) = PostgresServer::running(&folder) {
            left.stop(Stop::Interrupt, PATIENCE);
        }
        if self.is_made() {
            return Ok(servers::postgres(tools, &self.postgres(), port, log)?);
        }
        say!(
            "making a database with {} players; it is kept for the next run",
            self.players
        );
        let _ = fs::remove_file(self.mark());
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let mut server = servers::postgres(tools, &self.postgres(), port, log)?;
        let made = self.fill(port, seed()).await;
        if let Err(error) = made {
            server.stop(PATIENCE);
            return Err(error);
        }
        Ok(server)
    }

    async fn fill(&self, port: u16, mut seed: std::process::Command) -> anyhow::Result<()> {
        let database = servers::database(port);
        migrate::run(&database).await?;
        seed.args(["seed", "--players", &self.players.to_string()]);
        let mut seed = tokio::process::Command::from(seed);
        let seeded = seed.kill_on_drop(true).status().await?;
        ensure!(seeded.success(), "the demo data could not be written");
        let mut owner = PgConnection::connect(&database).await?;
        for statement in ["VACUUM (ANALYZE)", "CHECKPOINT"] {
            sqlx::raw_sql(statement).execute(&mut owner).await?;
        }
        owner.close().await?;
        fs::write(self.mark(), &self.made_from)?;
        Ok(())
    }
}

/// A number for the content of all sources.
fn fingerprint(root: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    for (folder, prefix) in SOURCES {
        list(&root.join(folder), prefix, &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for path in files {
        path.strip_prefix(root)?.hash(&mut hasher);
        fs::read(&path)?.hash(&mut hasher);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

/// Files of a folder, and of the folders in it, whose name, or whose folder's name, begins so.
fn list(folder: &Path, prefix: &str, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with(prefix) {
            continue;
        }
        if path.is_dir() {
            list(&path, "", files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_a_source_is_noticed() {
        let root = std::env::temp_dir().join(format!("agent-lab-data-{}", std::process::id()));
        for (folder, _) in SOURCES {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        let seed = root.join("crates/lab/src/seed/mod.rs");
        let roll_up = root.join("crates/persistence/src/rollup.rs");
        fs::write(&seed, "one").unwrap();
        fs::write(&roll_up, "one").unwrap();
        let first = fingerprint(&root).unwrap();
        assert_eq!(fingerprint(&root).unwrap(), first);
        fs::write(root.join("crates/persistence/src/other.rs"), "no source").unwrap();
        assert_eq!(fingerprint(&root).unwrap(), first);
        fs::write(&roll_up, "two").unwrap();
        let second = fingerprint(&root).unwrap();
        assert_ne!(second, first);
        fs::write(&seed, "two").unwrap();
        assert_ne!(fingerprint(&root).unwrap(), second);
        fs::remove_dir_all(&root).unwrap();
    }
}
