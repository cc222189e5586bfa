//! `cargo dev reset`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use agent_devenv::tell;

use crate::down;
use crate::failure::{Outcome, While};
use crate::state::State;
use crate::workspace::Workspace;

/// Stops all and deletes the data; programs under `.dev/tools` stay.
pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    down::stop_everything(workspace)?;
    delete_data(workspace)
}

/// Deletes database, Redis data, secrets, ports and logs. Nothing may run.
pub(crate) fn delete_data(workspace: &Workspace) -> Outcome<()> {
    tell(&format!(
        "deleting the development data in {} (tools/ stays)",
        workspace.dev.display()
    ));
    // A damaged state cannot tell of a data folder elsewhere, and must be deletable.
    if let Ok(Some(state)) = State::read(&workspace.state_file()) {
        remove(&state.postgres_data)?;
    }
    for path in [
        workspace.postgres_dir(),
        workspace.redis_dir(),
        workspace.dev.join("log"),
    ] {
        remove(&path)?;
    }
    for path in [workspace.env_file(), workspace.state_file()] {
        remove(&path)?;
    }
    Ok(())
}

fn remove(path: &Path) -> Outcome<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).while_doing(|| format!("delete {}", path.display()))
        }
        _ => Ok(()),
    }
}
