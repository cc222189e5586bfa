//! One PostgreSQL server process on 127.0.0.1.

mod data;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::{DevEnvError, Doing};
use crate::process::{ProcessId, Stop, stop_child};
use crate::run_as::{Placement, place};
use crate::tools::PostgresTools;

const READY_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// What the server promises about the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostgresProfile {
    /// For development: a commit survives a crash.
    Durable,
    /// For tests: as fast as possible, the data goes with the server.
    Throwaway,
    /// For measurements: durable, with room in memory for large tables, and nothing in the
    /// background that would run in one measurement and not in the next.
    Measured,
}

/// Where and how a server is booted.
#[derive(Clone, Debug)]
pub struct PostgresConfig {
    /// Data folder; made with `initdb` when it is empty.
    pub data_dir: PathBuf,
    /// TCP port on 127.0.0.1. There is no Unix socket.
    pub port: u16,
    /// Durability.
    pub profile: PostgresProfile,
    /// Password of the superuser `postgres`, set at `initdb`; `None` lets every local user in.
    pub password: Option<String>,
    /// File that receives the server's log.
    pub log: PathBuf,
    /// Folder that keeps a fresh data folder per server version, since `initdb` is slow.
    /// Must be `None` when there is a password.
    pub template_cache: Option<PathBuf>,
}

/// A server that was booted by this process. Dropping it leaves the server running.
#[derive(Debug)]
pub struct PostgresServer {
    child: Child,
    id: ProcessId,
    data_dir: PathBuf,
}

impl PostgresServer {
    /// Boots a server and waits until it takes connections.
    ///
    /// # Errors
    /// `initdb` or the server fails; the message ends with the last lines of the log.
    pub fn start(tools: &PostgresTools, config: &PostgresConfig) -> Result<Self, DevEnvError> {
        let placement = place(tools, &config.data_dir)?;
        refuse_running(&placement.data_dir)?;
        data::prepare(&placement, config)?;
        let Placement {
            run_as,
            data_dir,
            tools,
        } = placement;
        let log = open_log(&config.log)?;
        let error_log = log.try_clone().doing(|| "share the log file".into())?;
        let mut child = run_as
            .command(&tools.program("postgres"), &tools.lib_dirs)
            .args(arguments(config, &data_dir))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(error_log)
            // The terminal's Ctrl-C must not reach the server: it is stopped in order.
            .process_group(0)
            .spawn()
            .doing(|| format!("start {}", tools.program("postgres").display()))?;
        wait_until_ready(&mut child, &data_dir, &config.log)?;
        let id = ProcessId::of(child.id()).ok_or_else(|| ended("PostgreSQL", &config.log))?;
        Ok(Self {
            child,
            id,
            data_dir,
        })
    }

    /// The server process.
    #[must_use]
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// The data folder in use; see [`Placement::data_dir`].
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// `Some` when the server has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Ends all sessions and stops the server; kills it after `patience`.
    /// Gives true when it stopped by itself.
    pub fn stop(&mut self, patience: Duration) -> bool {
        stop_child(&mut self.child, Stop::Interrupt, patience)
    }

    /// The server that runs on a data folder, whoever booted it, and its port.
    #[must_use]
    pub fn running(data_dir: &Path) -> Option<(ProcessId, u16)> {
        let text = fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let id = ProcessId::of(lines.next()?.trim().parse().ok()?)?;
        let port = lines.nth(2)?.trim().parse().ok()?;
        // After a crash the number in the file may belong to any process by now.
        id.command_line()
            .contains(&*data_dir.to_string_lossy())
            .then_some((id, port))
    }
}

fn refuse_running(data_dir: &Path) -> Result<(), DevEnvError> {
    let Some((id, port)) = PostgresServer::running(data_dir) else {
        return Ok(());
    };
    Err(DevEnvError::failed(format!(
        "PostgreSQL already runs on {} (process {}, port {port})",
        data_dir.display(),
        id.pid
    )))
}

fn arguments(config: &PostgresConfig, data_dir: &Path) -> Vec<String> {
    let common = [
        format!("port={}", config.port),
        "listen_addresses=127.0.0.1".into(),
        // The path of a socket is limited to about 100 bytes; TCP serves everywhere.
        "unix_socket_directories=".into(),
        "timezone=UTC".into(),
        "log_timezone=UTC".into(),
        "logging_collector=off".into(),
        "shared_buffers=128MB".into(),
    ];
    let profile: &[&str] = match config.profile {
        PostgresProfile::Durable => &["fsync=on", "synchronous_commit=on", "max_connections=100"],
        PostgresProfile::Throwaway => &[
            "fsync=off",
            "synchronous_commit=off",
            "full_page_writes=off",
            "wal_level=minimal",
            "max_wal_senders=0",
            "autovacuum=off",
            "jit=off",
            "max_connections=300",
        ],
        PostgresProfile::Measured => &[
            "fsync=on",
            "synchronous_commit=on",
            "autovacuum=off",
            "max_connections=100",
            "max_wal_size=4GB",
            // The last one given holds.
            "shared_buffers=1GB",
        ],
    };
    let settings = common
        .into_iter()
        .chain(profile.iter().map(|setting| (*setting).to_owned()));
    let mut arguments = vec!["-D".to_owned(), data_dir.to_string_lossy().into_owned()];
    arguments.extend(settings.flat_map(|setting| ["-c".to_owned(), setting]));
    arguments
}

/// The TCP port opens before the server takes connections; the eighth line of
/// `postmaster.pid` says `ready` (what `pg_ctl -w` reads).
fn wait_until_ready(child: &mut Child, data_dir: &Path, log: &Path) -> Result<(), DevEnvError> {
    let start = Instant::now();
    loop {
        let text = fs::read_to_string(data_dir.join("postmaster.pid")).unwrap_or_default();
        if text
            .lines()
            .nth(7)
            .is_some_and(|line| line.trim() == "ready")
        {
            return Ok(());
        }
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Err(ended("PostgreSQL", log));
        }
        if start.elapsed() > READY_WITHIN {
            stop_child(child, Stop::Interrupt, Duration::from_secs(2));
            return Err(DevEnvError::failed(format!(
                "PostgreSQL is not ready after {} s: {}",
                READY_WITHIN.as_secs(),
                last_lines(log)
            )));
        }
        std::thread::sleep(POLL);
    }
}

pub(crate) fn ended(name: &str, log: &Path) -> DevEnvError {
    DevEnvError::failed(format!("{name} ended at once: {}", last_lines(log)))
}

fn last_lines(log: &Path) -> String {
    let text = fs::read(log)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last = &lines[lines.len().saturating_sub(4)..];
    format!("{} (log: {})", last.join("; "), log.display())
}

pub(crate) fn open_log(path: &Path) -> Result<File, DevEnvError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)
        .doing(|| format!("open the log file {}", path.display()))
}
