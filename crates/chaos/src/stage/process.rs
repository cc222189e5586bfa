//! The API and the workers as processes that are killed, paused, ended and started again.

use std::{
    collections::BTreeMap,
    fs::File,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal};
use tokio::sync::Mutex;

/// Nothing here takes longer, however busy the machine is.
const STARTS_WITHIN: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// How a process is started.
pub(crate) struct Launch {
    /// `api`, `worker-1`, …
    pub(crate) name: String,
    pub(crate) binary: &'static str,
    pub(crate) environment: BTreeMap<String, String>,
    /// Where it answers `/health/live`.
    pub(crate) address: SocketAddr,
    pub(crate) log_dir: PathBuf,
}

/// A process that is there most of the time. Acts upon it exclude each other.
pub(crate) struct Process {
    pub(crate) launch: Launch,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    child: Option<Child>,
    logs: Vec<Log>,
}

/// What one life of a process wrote.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    /// It was killed: its last line may be half a line.
    pub(crate) torn: bool,
}

/// How a process that was asked to end did it.
pub(crate) struct End {
    /// `None` when it had to be killed.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) took: Duration,
}

impl Process {
    pub(crate) fn new(launch: Launch) -> Self {
        Self {
            launch,
            state: Mutex::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.launch.name
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(&self) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        self.launch(&mut state).await
    }

    async fn launch(&self, state: &mut State) -> anyhow::Result<()> {
        let file = format!("{}-{}.log", self.launch.name, state.logs.len() + 1);
        let path = self.launch.log_dir.join(file);
        let child = spawn(&self.launch, &path)?;
        state.child = Some(child);
        state.logs.push(Log { path, torn: false });
        let started = Instant::now();
        loop {
            if let Some(child) = &mut state.child
                && let Some(status) = child.try_wait()?
            {
                bail!("{} ended at its start: {status}", self.name());
            }
            if answers(self.launch.address).await {
                return Ok(());
            }
            if started.elapsed() > STARTS_WITHIN {
                bail!("{} does not answer", self.name());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// `kill -9`, and a new start after a while.
    pub(crate) async fn kill(&self, away: Duration) -> anyhow::Result<()> {
        let mut state = self.state.lock().await;
        if let Some(mut child) = state.child.take() {
            child.kill()?;
            child.wait()?;
        }
        if let Some(log) = state.logs.last_mut() {
            log.torn = true;
        }
        tokio::time::sleep(away).await;
        self.launch(&mut state).await
    }

    /// SIGTERM; gives how it ended. It is killed when it does not end within the time.
    pub(crate) async fn terminate(&self, within: Duration) -> anyhow::Result<End> {
        let mut state = self.state.lock().await;
        let mut child = state.child.take().context("no process to end")?;
        signal(&child, Signal::TERM);
        let asked = Instant::now();
        loop {
            let status = child.try_wait()?;
            let took = asked.elapsed();
            if status.is_some() {
                return Ok(End { status, took });
            }
            if took > within {
                child.kill()?;
                child.wait()?;
                if let Some(log) = state.logs.last_mut() {
                    log.torn = true;
                }
                return Ok(End { status: None, took });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Stops the clock of the process for a while, as a machine that hangs does.
    pub(crate) async fn pause(&self, lasts: Duration) {
        let state = self.state.lock().await;
        let Some(child) = &state.child else {
            return;
        };
        signal(child, Signal::STOP);
        tokio::time::sleep(lasts).await;
        signal(child, Signal::CONT);
    }

    /// How it ended, if it did so by itself; it is then started again.
    pub(crate) async fn died(&self) -> anyhow::Result<Option<ExitStatus>> {
        // Somebody acts upon it: not by itself.
        let Ok(mut state) = self.state.try_lock() else {
            return Ok(None);
        };
        let Some(child) = &mut state.child else {
            return Ok(None);
        };
        let Some(status) = child.try_wait()? else {
            return Ok(None);
        };
        self.launch(&mut state).await?;
        Ok(Some(status))
    }

    pub(crate) async fn logs(&self) -> Vec<Log> {
        self.state.lock().await.logs.clone()
    }

    /// Resident memory in KiB, where the system tells it.
    pub(crate) async fn memory_kib(&self) -> Option<u64> {
        let state = self.state.lock().await;
        let pid = state.child.as_ref()?.id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.state.get_mut().child {
            // Dead already: nothing to do.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// One of the binaries that were built together with this program.
pub(crate) fn command(
    binary: &str,
    environment: &BTreeMap<String, String>,
) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?.with_file_name(binary));
    command.env_clear().envs(environment).stdin(Stdio::null());
    Ok(command)
}

fn spawn(launch: &Launch, log: &Path) -> anyhow::Result<Child> {
    command(launch.binary, &launch.environment)?
        .stdout(Stdio::null())
        .stderr(File::create(log)?)
        .spawn()
        .with_context(|| format!("cannot start {}", launch.binary))
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It is not reaped yet, so the number is its own; it may be dead, which is seen elsewhere.
        rustix::process::kill_process(pid, signal).ok();
    }
}

async fn answers(address: SocketAddr) -> bool {
    tokio::net::TcpStream::connect(address).await.is_ok()
}
