//! One supervised process: start, end, restart with back-off.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use agent_devenv::{PostgresServer, ProcessId, RedisServer, Stop, tell};

use super::backoff::Backoff;
use crate::failure::{Failure, Outcome};

/// A process that was started by this program.
pub(crate) trait Running {
    /// `Some` when it has ended.
    fn exited(&mut self) -> Option<ExitStatus>;
    /// Asks it to end, kills it after `patience`; true when it ended by itself.
    fn stop(&mut self, patience: Duration) -> bool;
}

impl Running for PostgresServer {
    fn exited(&mut self) -> Option<ExitStatus> {
        PostgresServer::exited(self)
    }

    fn stop(&mut self, patience: Duration) -> bool {
        PostgresServer::stop(self, patience)
    }
}

impl Running for RedisServer {
    fn exited(&mut self) -> Option<ExitStatus> {
        RedisServer::exited(self)
    }

    fn stop(&mut self, patience: Duration) -> bool {
        RedisServer::stop(self, patience)
    }
}

impl Running for Child {
    fn exited(&mut self) -> Option<ExitStatus> {
        self.try_wait().ok().flatten()
    }

    fn stop(&mut self, patience: Duration) -> bool {
        let graceful = ProcessId::of(self.id()).is_none_or(|id| id.stop(Stop::Terminate, patience));
        // Reaps it; it has ended by now.
        let _ = self.wait();
        graceful
    }
}

type Start = Box<dyn FnMut() -> Outcome<Box<dyn Running>>>;

/// One supervised process.
pub(crate) struct Unit {
    name: &'static str,
    start: Start,
    running: Option<Box<dyn Running>>,
    started: Instant,
    restart_at: Instant,
    backoff: Backoff,
    patience: Duration,
}

impl Unit {
    /// Takes over a process that runs; `restart` starts it anew.
    pub(crate) fn new(
        name: &'static str,
        patience: Duration,
        running: impl Running + 'static,
        restart: impl FnMut() -> Outcome<Box<dyn Running>> + 'static,
    ) -> Self {
        let now = Instant::now();
        Self {
            name,
            start: Box::new(restart),
            running: Some(Box::new(running)),
            started: now,
            restart_at: now,
            backoff: Backoff::new(),
            patience,
        }
    }

    /// Notes an end, or restarts when it is time.
    pub(super) fn tick(&mut self, now: Instant) {
        match &mut self.running {
            Some(running) => {
                if let Some(status) = running.exited() {
                    self.running = None;
                    self.schedule(now, &format!("ended with {status}"));
                }
            }
            None if now >= self.restart_at => self.restart(now),
            None => {}
        }
    }

    fn restart(&mut self, now: Instant) {
        self.started = now;
        match (self.start)() {
            Ok(running) => {
                tell(&format!("{} restarted", self.name));
                self.running = Some(running);
            }
            Err(Failure::Message(reason)) => {
                self.schedule(now, &format!("did not start: {reason}"))
            }
            Err(Failure::Interrupted | Failure::Status(_)) => self.schedule(now, "did not start"),
        }
    }

    fn schedule(&mut self, now: Instant, what: &str) {
        let wait = self
            .backoff
            .after(now.saturating_duration_since(self.started));
        self.restart_at = now + wait;
        tell(&format!(
            "{} {what}; restart in {:.1} s",
            self.name,
            wait.as_secs_f64()
        ));
    }

    pub(super) fn stop(&mut self) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        if running.exited().is_some() {
            return;
        }
        if running.stop(self.patience) {
            tell(&format!("{} stopped", self.name));
        } else {
            tell(&format!(
                "{} did not stop within {} s and was killed",
                self.name,
                self.patience.as_secs()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::process::Command;
    use std::rc::Rc;

    use super::*;

    fn child(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).spawn().unwrap()
    }

    fn unit(script: &'static str, patience: Duration) -> (Rc<Cell<u32>>, Unit) {
        let restarts = Rc::new(Cell::new(0));
        let counter = Rc::clone(&restarts);
        let unit = Unit::new("test", patience, child(script), move || {
            counter.set(counter.get() + 1);
            Ok(Box::new(child(script)) as Box<dyn Running>)
        });
        (restarts, unit)
    }

    fn tick_until_exit_seen(unit: &mut Unit) {
        while unit.running.is_some() {
            unit.tick(Instant::now());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_process_that_ends_is_restarted_when_its_wait_is_over() {
        let (restarts, mut unit) = unit("exit 3", Duration::from_secs(1));
        tick_until_exit_seen(&mut unit);
        assert_eq!(restarts.get(), 0);
        unit.tick(unit.restart_at - Duration::from_millis(1));
        assert_eq!(restarts.get(), 0, "not before its time");
        unit.tick(unit.restart_at);
        assert_eq!(restarts.get(), 1);
        unit.stop();
    }

    #[test]
    fn stopping_ends_the_process_and_a_deaf_one_is_killed() {
        let (_, mut polite) = unit("exec sleep 60", Duration::from_secs(5));
        let begin = Instant::now();
        polite.stop();
        assert!(begin.elapsed() < Duration::from_secs(4));
        let (_, mut deaf) = unit("trap '' TERM; exec sleep 60", Duration::from_millis(300));
        std::thread::sleep(Duration::from_millis(200));
        let begin = Instant::now();
        deaf.stop();
        assert!(begin.elapsed() >= Duration::from_millis(300));
        assert!(deaf.running.is_none());
    }
}
