//! Processes known by number *and* start time, so that a reused number is never signalled.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

const POLL: Duration = Duration::from_millis(10);

/// One process of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// The number of the process.
    pub pid: u32,
    /// When it started, in a form that only serves comparison.
    pub start: String,
}

/// The signal that asks a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: programs in general.
    Terminate,
    /// SIGINT: the "fast" shutdown of PostgreSQL, which ends the sessions.
    Interrupt,
}

impl Stop {
    fn signal(self) -> Signal {
        match self {
            Self::Terminate => Signal::TERM,
            Self::Interrupt => Signal::INT,
        }
    }
}

impl ProcessId {
    /// The running process with that number; `None` when it has ended.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        start_of(pid).map(|start| Self { pid, start })
    }

    /// The process that calls this.
    #[must_use]
    pub fn own() -> Option<Self> {
        Self::of(std::process::id())
    }

    /// True while exactly this process runs. A zombie has ended.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now == *self)
    }

    /// The command line, words separated by blanks; empty when it cannot be read.
    #[must_use]
    pub fn command_line(&self) -> String {
        command_line(self.pid)
    }

    /// Asks the process to end, and kills it when it still runs after `patience`.
    ///
    /// Gives true when it ended by itself (or had ended before).
    pub fn stop(&self, how: Stop, patience: Duration) -> bool {
        self.signal(how.signal());
        if wait_until(patience, || !self.is_alive()) {
            return true;
        }
        self.signal(Signal::KILL);
        wait_until(Duration::from_secs(5), || !self.is_alive());
        false
    }

    fn signal(&self, signal: Signal) {
        if self.is_alive() {
            send(self.pid, signal);
        }
    }
}

/// As [`ProcessId::stop`], for a child of this process, which is also reaped.
pub(crate) fn stop_child(child: &mut Child, how: Stop, patience: Duration) -> bool {
    // A child that is not reaped keeps its number, so the signal cannot hit another process.
    if matches!(child.try_wait(), Ok(Some(_))) {
        return true;
    }
    send(child.id(), how.signal());
    if wait_until(patience, || !matches!(child.try_wait(), Ok(None))) {
        return true;
    }
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Polls a condition until it holds; false when the time is over.
pub(crate) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= patience {
            return false;
        }
        std::thread::sleep(POLL);
    }
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // The process may have ended in between; callers look again.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// On Linux the start time in ticks since boot and the boot; elsewhere what `ps` says.
fn start_of(pid: u32) -> Option<String> {
    if !std::path::Path::new("/proc/self/stat").exists() {
        return ps(pid, "lstart=");
    }
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let ticks = start_ticks(&stat)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{ticks}@{}", boot.get(..8).unwrap_or("-")))
}

/// Field 22 of `/proc/<pid>/stat`; `None` for a zombie. The name in field 2 may hold blanks.
fn start_ticks(stat: &str) -> Option<&str> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)
}

fn command_line(pid: u32) -> String {
    match std::fs::read(format!("/proc/{pid}/cmdline")) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).replace('\0', " "),
        Err(_) => ps(pid, "command=").unwrap_or_default(),
    }
}

fn ps(pid: u32, column: &str) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", column, "-p", &pid.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_start_time_behind_a_strange_name() {
        let tail = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20";
        assert_eq!(start_ticks(&format!("77 (a) b) {tail}")), Some("4242"));
        assert_eq!(
            start_ticks("77 (gone) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242"),
            None
        );
    }

    #[test]
    fn a_reused_number_is_another_process() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        let earlier = ProcessId {
            pid: own.pid,
            start: "1@other".into(),
        };
        assert!(!earlier.is_alive());
    }

    #[test]
    fn stops_a_child_and_kills_one_that_does_not_listen() {
        let mut polite = Command::new("sleep").arg("60").spawn().unwrap();
        assert!(stop_child(
            &mut polite,
            Stop::Terminate,
            Duration::from_secs(5)
        ));

        let mut deaf = Command::new("sh")
            .args(["-c", "trap '' TERM; echo ready; exec sleep 60"])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = [0; 5];
        std::io::Read::read_exact(deaf.stdout.as_mut().unwrap(), &mut ready).unwrap();
        assert!(!stop_child(
            &mut deaf,
            Stop::Terminate,
            Duration::from_millis(200)
        ));
    }
}
