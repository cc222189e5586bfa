//! `.dev/state.json`: ports and server passwords, kept from run to run.

use std::path::{Path, PathBuf};

use agent_devenv::write_private;
use serde_json::{Value, json};

use crate::failure::{Failure, Outcome, While};

/// What is kept from run to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) ports: Ports,
    pub(crate) postgres_password: String,
    pub(crate) redis_password: String,
    /// Where the database really lies: as root it may have to be outside of the workspace.
    pub(crate) postgres_data: PathBuf,
}

/// TCP ports on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) postgres: u16,
    pub(crate) redis: u16,
    pub(crate) api: u16,
    pub(crate) metrics: u16,
    pub(crate) worker: u16,
    pub(crate) sms: u16,
}

impl State {
    /// `None` when `up` has not run yet.
    pub(crate) fn read(path: &Path) -> Outcome<Option<Self>> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                Failure::message(format!(
                    "{} is damaged: run `cargo dev reset`",
                    path.display()
                ))
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).while_doing(|| format!("read {}", path.display())),
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        Ok(write_private(path, &format!("{:#}\n", self.to_json()))?)
    }

    /// The URL of the development database, for the owner.
    pub(crate) fn database_url(&self) -> String {
        format!(
            "postgres://postgres:{}@127.0.0.1:{}/{}",
            self.postgres_password,
            self.ports.postgres,
            crate::database::NAME
        )
    }

    pub(crate) fn redis_url(&self) -> String {
        format!(
            "redis://:{}@127.0.0.1:{}",
            self.redis_password, self.ports.redis
        )
    }

    fn to_json(&self) -> Value {
        let Ports {
            postgres,
            redis,
            api,
            metrics,
            worker,
            sms,
        } = self.ports;
        json!({
            "ports": { "postgres": postgres, "redis": redis, "api": api, "metrics": metrics, "worker": worker, "sms": sms },
            "postgres_password": self.postgres_password,
            "redis_password": self.redis_password,
            "postgres_data": self.postgres_data.to_string_lossy(),
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let port = |name: &str| {
            value["ports"][name]
                .as_u64()
                .and_then(|port| u16::try_from(port).ok())
        };
        let text = |name: &str| value[name].as_str().map(str::to_owned);
        Some(Self {
            ports: Ports {
                postgres: port("postgres")?,
                redis: port("redis")?,
                api: port("api")?,
                metrics: port("metrics")?,
                worker: port("worker")?,
                sms: port("sms").unwrap_or(crate::ports::SMS),
            },
            postgres_password: text("postgres_password")?,
            redis_password: text("redis_password")?,
            postgres_data: PathBuf::from(text("postgres_data")?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        State {
            ports: Ports {
                postgres: 1,
                redis: 2,
                api: 3,
                metrics: 4,
                worker: 65535,
                sms: 4,
            },
            postgres_password: "p".into(),
            redis_password: "r".into(),
            postgres_data: PathBuf::from("/data dir"),
        }
    }

    #[test]
    fn state_survives_writing_and_reading() {
        assert_eq!(State::parse(&state().to_json().to_string()), Some(state()));
    }

    #[test]
    fn a_state_of_before_the_sms_provider_is_read() {
        let mut json = state().to_json();
        json["ports"].as_object_mut().unwrap().remove("sms");
        let read = State::parse(&json.to_string()).unwrap();
        assert_eq!(read.ports.sms, crate::ports::SMS);
    }

    #[test]
    fn a_damaged_state_is_an_error_and_a_missing_one_is_none() {
        let path = std::env::temp_dir().join(format!("agent-xtask-state-{}", std::process::id()));
        assert!(State::read(&path).unwrap().is_none());
        std::fs::write(&path, "{\"ports\":{\"postgres\":70000}}").unwrap();
        assert!(State::read(&path).is_err());
        std::fs::remove_file(&path).unwrap();
    }
}
