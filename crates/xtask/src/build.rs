//! Builds the binaries, with Cargo's own progress on the terminal.

use std::process::Command;

use agent_devenv::{tell, variable};

use crate::failure::Outcome;
use crate::interrupt::Interrupt;
use crate::step;
use crate::workspace::{Profile, Workspace};

/// A `cargo` command in the root of the workspace.
pub(crate) fn cargo(workspace: &Workspace) -> Command {
    let mut command = Command::new(variable("CARGO").unwrap_or_else(|| "cargo".to_owned()));
    command.current_dir(&workspace.root);
    command
}

/// Builds all binaries. Always the whole workspace: one package alone would choose other
/// features and compile the dependencies a second time.
pub(crate) fn all(workspace: &Workspace, profile: Profile, interrupt: &Interrupt) -> Outcome<()> {
    tell("building (the first build takes some minutes)");
    let mut command = cargo(workspace);
    command.args(["build", "--workspace", "--bins"]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    step::run(&mut command, "build", interrupt)
}

/// Builds only when a binary is not there yet.
pub(crate) fn when_missing(workspace: &Workspace, names: &[&str]) -> Outcome<()> {
    if names
        .iter()
        .all(|name| workspace.binary(name, Profile::Debug).is_file())
    {
        return Ok(());
    }
    all(workspace, Profile::Debug, &Interrupt::install()?)
}
