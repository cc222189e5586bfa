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
    if arguments
        .first()
        .is_some_and(|name| name == "bench" || name == "plans")
    {
        return measure(workspace, arguments);
    }
    let environment = env_file::require(workspace)?;
    build::when_missing(workspace, &["agent-lab"])?;
    let mut command = Command::new(workspace.binary("agent-lab", Profile::Debug));
    replace_by(command.args(arguments).envs(environment.pairs()))
}

/// Replaces this process by `agent-chaos <arguments>`, made from the code as it is now.
pub(crate) fn chaos(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    build::all(workspace, Profile::Debug, &Interrupt::install()?)?;
    let mut command = Command::new(workspace.binary("agent-chaos", Profile::Debug));
    replace_by(command.args(arguments))
}

/// A measurement brings its own servers and settings, and is about the code as it is now, as it is
/// shipped.
fn measure(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    build::all(workspace, Profile::Release, &Interrupt::install()?)?;
    let mut command = Command::new(workspace.binary("agent-lab", Profile::Release));
    replace_by(command.args(arguments).current_dir(&workspace.root))
}

pub(crate) fn replace_by(command: &mut Command) -> Outcome<()> {
    let error = command.exec();
    Err(Failure::message(format!(
        "cannot start {}: {error}",
        command.get_program().display()
    )))
}
