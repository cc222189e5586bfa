//! The process that outlives the tests and stops the pair.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::Place;
use super::state::State;
use crate::error::{DevEnvError, Doing};
use crate::find::on_path;
use crate::process::ProcessId;

const SCRIPT: &str = include_str!("watchdog.sh");

/// Starts a watchdog for the pair unless one runs, and records it.
pub(super) fn ensure_running(
    place: &Place,
    mut state: State,
    grace: Duration,
) -> Result<State, DevEnvError> {
    if state.watchdog.as_ref().is_some_and(ProcessId::is_alive) {
        return Ok(state);
    }
    if on_path("flock").is_none() && on_path("perl").is_none() {
        return Err(DevEnvError::failed(
            "the test servers need `flock` (package util-linux) or `perl` on the PATH",
        ));
    }
    state.watchdog = ProcessId::of(spawn(place, &state, grace)?);
    state.write(&place.state_file())?;
    Ok(state)
}

fn spawn(place: &Place, state: &State, grace: Duration) -> Result<u32, DevEnvError> {
    let child = Command::new("sh")
        .args(["-c", SCRIPT, "agent-test-watchdog"])
        .args([&place.state, &place.data])
        .args([
            state.postgres.id.pid.to_string(),
            start_time(&state.postgres.id),
        ])
        .args([state.redis.id.pid.to_string(), start_time(&state.redis.id)])
        .arg(grace.as_secs().max(1).to_string())
        .current_dir("/")
        // An inherited stdout would keep a pipe behind `cargo test` open.
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .doing(|| "start the watchdog of the test servers".into())?;
    Ok(child.id())
}

/// Without the part that tells the boot: the script runs within one.
fn start_time(id: &ProcessId) -> String {
    id.start
        .split_once('@')
        .map_or_else(|| id.start.clone(), |(ticks, _)| ticks.to_owned())
}
