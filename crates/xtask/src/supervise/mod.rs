//! Keeps the processes of the development system running, and stops them in order.

mod backoff;
mod log;
mod unit;

use std::time::Instant;

use agent_devenv::tell;

pub(crate) use log::LogSink;
pub(crate) use unit::{Running, Unit};

/// All processes, in the order of their start.
#[derive(Default)]
pub(crate) struct Supervisor {
    units: Vec<Unit>,
}

impl Supervisor {
    /// Takes over a unit. From here on it is stopped, whatever happens.
    pub(crate) fn add(&mut self, unit: Unit) {
        self.units.push(unit);
    }

    /// Looks after every unit once: notes ends, restarts what is due.
    pub(crate) fn tick(&mut self, now: Instant) {
        for unit in &mut self.units {
            unit.tick(now);
        }
    }

    /// Stops all in the reverse order of their start. The first call does it.
    pub(crate) fn stop_all(&mut self) {
        while let Some(mut unit) = self.units.pop() {
            unit.stop();
        }
    }
}

/// An early return must not leave servers behind.
impl Drop for Supervisor {
    fn drop(&mut self) {
        if !self.units.is_empty() {
            tell("stopping");
        }
        self.stop_all();
    }
}
