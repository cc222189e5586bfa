//! `cargo dev down`.

use std::time::Duration;

use agent_devenv::{FileLock, Stop, tell};

use crate::failure::{Failure, Outcome};
use crate::leftovers;
use crate::pid_file;
use crate::state::State;
use crate::workspace::Workspace;

/// `up` itself waits for each of its processes.
const UP_PATIENCE: Duration = Duration::from_secs(100);

/// Stops a running `up`, then what a killed one left.
pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    if !stop_everything(workspace)? {
        tell("nothing runs");
    }
    Ok(())
}

/// Gives false when nothing ran.
pub(crate) fn stop_everything(workspace: &Workspace) -> Outcome<bool> {
    if !workspace.dev.exists() {
        return Ok(false);
    }
    let stopped = stop_up(workspace)?;
    let left = match State::read(&workspace.state_file())? {
        Some(state) => leftovers::stop(workspace, &state),
        None => 0,
    };
    Ok(stopped || left > 0)
}

fn stop_up(workspace: &Workspace) -> Outcome<bool> {
    if FileLock::try_exclusive(&workspace.up_lock())?.is_some() {
        return Ok(false);
    }
    let Some(id) = pid_file::read(&workspace.pid_file("up")) else {
        return Err(Failure::message(
            "`cargo dev up` is just starting or stopping: try again",
        ));
    };
    tell(&format!("stopping `cargo dev up` (process {})", id.pid));
    if !id.stop(Stop::Terminate, UP_PATIENCE) {
        tell("it did not stop and was killed");
    }
    Ok(true)
}
