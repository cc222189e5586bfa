//! `cargo dev openapi`: the interface description, made from the handlers.

use std::process::Command;

use crate::build;
use crate::failure::{Failure, Outcome, While};
use crate::interrupt::Interrupt;
use crate::workspace::{Profile, Workspace};

const FILE: &str = "openapi/agent_service.json";

/// Writes the file, or with `check` only compares it.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Outcome<()> {
    build::all(workspace, Profile::Debug, &Interrupt::install()?)?;
    let binary = workspace.binary("agent-api", Profile::Debug);
    let mut command = Command::new(&binary);
    command
        .args(["openapi", "--out", FILE])
        .current_dir(&workspace.root);
    if check {
        command.arg("--check");
    }
    let status = command
        .status()
        .while_doing(|| format!("start {}", binary.display()))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::of_status(status))
    }
}
