//! Commands of `agent-lab` with the environment of the development system, and programs that bring
//! their own.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::build;
use crate::env_file;
use crate::failure::{Failure, Outcome};
use crate::interrupt::Interrupt;
use crate::workspace::{Profile, Workspace};

/// Replaces this process by `agent-lab <arguments>`; builds it when it is missing.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    if arguments.first().is_some_and(|name| name == "bench") {
        return self_contained(workspace, "agent-lab", arguments);
    }
    let environment = env_file::require(workspace)?;
    build::when_missing(workspace, &["agent-lab"])?;
    let mut command = Command::new(workspace.binary("agent-lab", Profile::Debug));
    replace_by(command.args(arguments).envs(environment.pairs()))
}

/// Replaces this process by `agent-chaos <arguments>`.
pub(crate) fn chaos(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    self_contained(workspace, "agent-chaos", arguments)
}

/// What brings its own servers and settings is about the code as it is now.
fn self_contained(workspace: &Workspace, binary: &str, arguments: &[String]) -> Outcome<()> {
    build::all(workspace, Profile::Debug, &Interrupt::install()?)?;
    let mut command = Command::new(workspace.binary(binary, Profile::Debug));
    replace_by(command.args(arguments))
}

fn replace_by(command: &mut Command) -> Outcome<()> {
    let error = command.exec();
    Err(Failure::message(format!(
        "cannot start {}: {error}",
        command.get_program().display()
    )))
}
