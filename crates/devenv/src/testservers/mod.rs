//! One throw-away PostgreSQL and Redis for all test processes of a workspace.
//!
//! The first test process boots the pair, under the exclusive lock `gate`. Each process
//! holds the shared lock `hold` for its life; the kernel releases it, also at SIGKILL. A
//! watchdog stops the pair when nobody has held the lock for some seconds, so that the next
//! `cargo test` finds warm servers and a machine at rest runs none.

mod pair;
mod state;
mod watchdog;

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::directory::private_directory;
use crate::environment::variable;
use crate::error::DevEnvError;
use crate::install::{EnsureOptions, ensure};
use crate::lock::FileLock;
use crate::tools::Tools;
use crate::workspace::{path_key, workspace_root};

/// How long the servers stay after the last test process has gone.
const GRACE: Duration = Duration::from_secs(10);
/// Data goes to memory when that much is free there, in bytes.
const MEMORY_NEEDED: u64 = 2 << 30;

/// Two servers for tests.
#[derive(Debug)]
pub struct Pair {
    /// Superuser on the database `postgres`: `postgres://postgres@127.0.0.1:<port>/postgres`,
    /// or the value of `TEST_DATABASE_URL`.
    pub database_url: String,
    /// `redis://127.0.0.1:<port>` with 1024 databases, or the value of `TEST_REDIS_URL`.
    pub redis_url: String,
    /// Keeps the servers up: keep it until the process ends.
    pub hold: Hold,
}

/// While a process keeps this, the servers stay up.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the held lock is the purpose")] Option<FileLock>);

/// The pair of this workspace: the one that runs, or a new one (about 0.5 s).
///
/// `TEST_DATABASE_URL` and `TEST_REDIS_URL` name servers to be used instead. Missing
/// programs are installed as [`ensure`] does it.
///
/// # Errors
/// The servers cannot be found, installed or booted.
pub fn shared_pair() -> Result<Pair, DevEnvError> {
    let given = (variable("TEST_DATABASE_URL"), variable("TEST_REDIS_URL"));
    if let (Some(database_url), Some(redis_url)) = given {
        return Ok(Pair {
            database_url,
            redis_url,
            hold: Hold(None),
        });
    }
    let root = workspace_root();
    let place = Place::of(&root);
    let mut pair = place.pair(GRACE, || ensure(&EnsureOptions::from_environment(&root)))?;
    pair.database_url = given.0.unwrap_or(pair.database_url);
    pair.redis_url = given.1.unwrap_or(pair.redis_url);
    Ok(pair)
}

/// The folders of one pair: per user and per workspace, outside of the workspace, since
/// test data needs neither a durable disk nor a path that `nobody` cannot enter.
struct Place {
    /// Locks, state, logs, the fresh data folder.
    state: PathBuf,
    /// Data of the servers.
    data: PathBuf,
}

impl Place {
    fn of(root: &Path) -> Self {
        let user = rustix::process::geteuid().as_raw();
        Self::named(&format!("agent-testservers-{user}-{:016x}", path_key(root)))
    }

    fn named(name: &str) -> Self {
        let state = std::env::temp_dir().join(name);
        let memory = Path::new("/dev/shm");
        let data = if free_bytes(memory) > MEMORY_NEEDED {
            memory.join(name)
        } else {
            state.join("data")
        };
        Self { state, data }
    }

    fn pair(
        &self,
        grace: Duration,
        tools: impl FnOnce() -> Result<Tools, DevEnvError>,
    ) -> Result<Pair, DevEnvError> {
        // 0711: `nobody` must be able to pass; the files inside are private.
        private_directory(&self.state, 0o711)?;
        let gate = FileLock::exclusive(
            &self.state.join("gate"),
            "another test process that boots the servers",
        )?;
        let hold = FileLock::shared(&self.hold_file(), "the servers of the last run to stop")?;
        let state = self.live_or_boot(tools)?;
        let state = watchdog::ensure_running(self, state, grace)?;
        drop(gate);
        Ok(Pair {
            database_url: format!(
                "postgres://postgres@127.0.0.1:{}/postgres",
                state.postgres.port
            ),
            redis_url: format!("redis://127.0.0.1:{}", state.redis.port),
            hold: Hold(Some(hold)),
        })
    }

    fn live_or_boot(
        &self,
        tools: impl FnOnce() -> Result<Tools, DevEnvError>,
    ) -> Result<state::State, DevEnvError> {
        let known = state::State::read(&self.state_file());
        if let Some(state) = known.clone()
            && pair::answers(&state)
        {
            return Ok(state);
        }
        pair::clear(self, known.as_ref())?;
        let state = pair::boot(self, &tools()?)?;
        state.write(&self.state_file())?;
        Ok(state)
    }

    fn hold_file(&self) -> PathBuf {
        self.state.join("hold")
    }

    fn state_file(&self) -> PathBuf {
        self.state.join("state")
    }
}

fn free_bytes(path: &Path) -> u64 {
    rustix::fs::statvfs(path).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

#[cfg(test)]
mod tests;
