//! Notices to systemd (sd_notify(3)). Outside systemd they do nothing; a failure is counted and
//! passed over, because no request should fail for it.

use std::time::Duration;

use sd_notify::NotifyState;

use crate::Metrics;

/// The process has started and serves.
pub fn ready(metrics: &Metrics) {
    notify(metrics, &NotifyState::Ready);
}

/// The process has begun to stop.
pub fn stopping(metrics: &Metrics) {
    notify(metrics, &NotifyState::Stopping);
}

/// The process is alive; due at least once per [`watchdog_interval`].
pub fn watchdog(metrics: &Metrics) {
    notify(metrics, &NotifyState::Watchdog);
}

/// A line for `systemctl status`. Control characters become spaces: a line end would begin
/// another notice.
pub fn status(metrics: &Metrics, text: &str) {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    notify(metrics, &NotifyState::Status(&line));
}

/// How often [`watchdog`] is due: half of what systemd waits; `None` when it does not watch.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|limit| limit / 2)
}

fn notify(metrics: &Metrics, state: &NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(std::slice::from_ref(state)) {
        metrics
            .tolerated_errors_total
            .with_label_values(&["sd_notify"])
            .inc();
        tracing::debug!(%error, "systemd was not notified");
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, process::Command};

    use super::*;

    /// Runs one of the ignored tests below in a process of its own, with systemd's variables.
    fn run_as_service(test: &str, socket: &str) -> bool {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("sd::tests::{test}"), "--ignored"])
            .env("NOTIFY_SOCKET", socket)
            .env("WATCHDOG_USEC", "10000000")
            .env_remove("WATCHDOG_PID")
            .status()
            .unwrap()
            .success()
    }

    #[test]
    #[ignore = "body of notices_reach_the_socket"]
    fn send_all() {
        let metrics = Metrics::new("agent_worker");
        ready(&metrics);
        watchdog(&metrics);
        status(&metrics, "two\nREADY=0");
        stopping(&metrics);
        assert_eq!(watchdog_interval(), Some(Duration::from_secs(5)));
        let failed = metrics
            .tolerated_errors_total
            .with_label_values(&["sd_notify"]);
        assert_eq!(failed.get(), 0);
    }

    #[test]
    #[ignore = "body of failures_are_counted"]
    fn send_into_the_void() {
        let metrics = Metrics::new("agent_worker");
        ready(&metrics);
        let failed = metrics
            .tolerated_errors_total
            .with_label_values(&["sd_notify"]);
        assert_eq!(failed.get(), 1);
    }

    #[test]
    fn notices_reach_the_socket() {
        let path = std::env::temp_dir().join(format!("agent-sd-{}", std::process::id()));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        assert!(run_as_service("send_all", path.to_str().unwrap()));
        let mut seen = Vec::new();
        let mut buffer = [0; 256];
        while let Ok(length) = socket.recv(&mut buffer) {
            seen.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
        std::fs::remove_file(&path).unwrap();
        let expected = [
            "READY=1\n",
            "WATCHDOG=1\n",
            "STATUS=two READY=0\n",
            "STOPPING=1\n",
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn failures_are_counted() {
        assert!(run_as_service("send_into_the_void", "/nonexistent/notify"));
    }

    #[test]
    fn outside_systemd_nothing_happens() {
        let metrics = Metrics::new("agent_worker");
        ready(&metrics);
        assert!(!metrics.render().contains("sd_notify"));
    }
}
