//! The file that tells test processes about the running pair.

use std::path::Path;

use crate::directory::write_private;
use crate::error::DevEnvError;
use crate::process::ProcessId;

/// One server of the pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) id: ProcessId,
    pub(super) port: u16,
}

/// The running pair and its watchdog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) postgres: Server,
    pub(super) redis: Server,
    pub(super) watchdog: Option<ProcessId>,
}

impl State {
    /// `None` when there is no file, or not a whole one.
    pub(super) fn read(path: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(path).ok()?)
    }

    pub(super) fn write(&self, path: &Path) -> Result<(), DevEnvError> {
        write_private(path, &self.render())
    }

    fn render(&self) -> String {
        let server = |name: &str, server: &Server| {
            format!(
                "{name} {} {} {}\n",
                server.id.pid, server.port, server.id.start
            )
        };
        let mut text = server("postgres", &self.postgres) + &server("redis", &self.redis);
        if let Some(id) = &self.watchdog {
            text.push_str(&format!("watchdog {} 0 {}\n", id.pid, id.start));
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let server = |name: &str| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
            // The start time may hold blanks, so it is the last part.
            let mut parts = line.splitn(3, ' ');
            let pid = parts.next()?.parse().ok()?;
            let port = parts.next()?.parse().ok()?;
            Some(Server {
                id: ProcessId {
                    pid,
                    start: parts.next()?.to_owned(),
                },
                port,
            })
        };
        Some(Self {
            postgres: server("postgres")?,
            redis: server("redis")?,
            watchdog: server("watchdog").map(|server| server.id),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let server = |pid, port| Server {
            id: ProcessId {
                pid,
                start: "Mon Jan  1 10:00".into(),
            },
            port,
        };
        State {
            postgres: server(10, 5432),
            redis: server(11, 6379),
            watchdog: Some(server(12, 0).id),
        }
    }

    #[test]
    fn state_survives_writing_and_reading() {
        assert_eq!(State::parse(&state().render()), Some(state()));
        let unwatched = State {
            watchdog: None,
            ..state()
        };
        assert_eq!(State::parse(&unwatched.render()), Some(unwatched));
    }

    #[test]
    fn half_a_state_is_none() {
        assert_eq!(State::parse("postgres 10 5432 x\n"), None);
        assert_eq!(State::parse("postgres ten 5432 x\nredis 11 6379 y\n"), None);
    }
}
