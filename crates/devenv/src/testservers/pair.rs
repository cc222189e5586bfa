//! Boot of the pair, and removal of what an earlier one left.

use std::path::Path;
use std::time::Duration;

use super::Place;
use super::state::{Server, State};
use crate::directory::{private_directory, remove_tree};
use crate::error::DevEnvError;
use crate::net::{free_port, postgres_answers, redis_serves};
use crate::postgres::{PostgresConfig, PostgresProfile, PostgresServer};
use crate::process::Stop;
use crate::redis::{RedisConfig, RedisServer};
use crate::tools::Tools;

/// A free port may be taken by somebody else before the server binds it.
const ATTEMPTS: u32 = 3;
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// True when both servers are the processes that were booted, and answer.
pub(super) fn answers(state: &State) -> bool {
    state.postgres.id.is_alive()
        && state.redis.id.is_alive()
        && postgres_answers(state.postgres.port)
        && redis_serves(state.redis.port, None)
}

/// Stops what is left of an earlier pair and removes its data.
pub(super) fn clear(place: &Place, known: Option<&State>) -> Result<(), DevEnvError> {
    if let Some(state) = known {
        state.postgres.id.stop(Stop::Interrupt, STOP_PATIENCE);
        state.redis.id.stop(Stop::Terminate, STOP_PATIENCE);
    }
    // A boot that was killed half way has servers without a state file.
    if let Some((id, _)) = PostgresServer::running(&place.data.join("postgres")) {
        id.stop(Stop::Interrupt, STOP_PATIENCE);
    }
    if let Some((id, _)) = RedisServer::running(&place.data.join("redis")) {
        id.stop(Stop::Terminate, STOP_PATIENCE);
    }
    let _ = std::fs::remove_file(place.state_file());
    for log in ["postgres.log", "redis.log"] {
        let _ = std::fs::remove_file(place.state.join(log));
    }
    remove_tree(&place.data)
}

/// Boots both servers.
pub(super) fn boot(place: &Place, tools: &Tools) -> Result<State, DevEnvError> {
    private_directory(&place.data, 0o711)?;
    let (mut postgres, postgres_port) =
        retried(|port| PostgresServer::start(&tools.postgres, &postgres_config(place, port)))?;
    let booted = retried(|port| RedisServer::start(&tools.redis, &redis_config(place, port)));
    let (redis, redis_port) = booted.inspect_err(|_| {
        postgres.stop(STOP_PATIENCE);
    })?;
    Ok(State {
        postgres: Server {
            id: postgres.id().clone(),
            port: postgres_port,
        },
        redis: Server {
            id: redis.id().clone(),
            port: redis_port,
        },
        watchdog: None,
    })
}

fn retried<T>(start: impl Fn(u16) -> Result<T, DevEnvError>) -> Result<(T, u16), DevEnvError> {
    let mut attempt = 1;
    loop {
        let port = free_port()?;
        match start(port) {
            Ok(server) => return Ok((server, port)),
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

fn postgres_config(place: &Place, port: u16) -> PostgresConfig {
    PostgresConfig {
        data_dir: place.data.join("postgres"),
        port,
        profile: PostgresProfile::Throwaway,
        password: None,
        log: log(&place.state, "postgres.log"),
        template_cache: Some(place.state.clone()),
    }
}

fn redis_config(place: &Place, port: u16) -> RedisConfig {
    RedisConfig {
        dir: place.data.join("redis"),
        port,
        durable: false,
        databases: 1024,
        password: None,
        log: log(&place.state, "redis.log"),
    }
}

fn log(state: &Path, name: &str) -> std::path::PathBuf {
    state.join(name)
}
