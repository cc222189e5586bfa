//! Commands of `agent-lab` with the environment of the development system.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::build;
use crate::env_file;
use crate::failure::{Failure, Outcome};
use crate::workspace::{Profile, Workspace};

/// Replaces this process by `agent-lab <arguments>`; builds it when it is missing.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    let environment = env_file::require(workspace)?;
    build::when_missing(workspace, &["agent-lab"])?;
    let binary = workspace.binary("agent-lab", Profile::Debug);
    let error = Command::new(&binary)
        .args(arguments)
        .envs(environment.pairs())
        .exec();
    Err(Failure::message(format!(
        "cannot start {}: {error}",
        binary.display()
    )))
}
