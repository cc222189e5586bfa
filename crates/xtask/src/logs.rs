//! `cargo dev logs`.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::failure::{Failure, Outcome};
use crate::workspace::Workspace;

const NAMES: &[&str] = &["api", "worker", "sms", "admin", "postgres", "redis"];

/// Replaces this process by `tail` on the log files.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    if let Some(unknown) = arguments
        .iter()
        .find(|name| !NAMES.contains(&name.as_str()))
    {
        return Err(Failure::message(format!(
            "there is no log `{unknown}`; logs: {}",
            NAMES.join(", ")
        )));
    }
    let chosen = NAMES
        .iter()
        .filter(|name| arguments.is_empty() || arguments.iter().any(|chosen| chosen == *name));
    let files: Vec<_> = chosen
        .map(|name| workspace.log(name))
        .filter(|file| file.exists())
        .collect();
    if files.is_empty() {
        return Err(Failure::message(
            "there are no logs yet: run `cargo dev up`",
        ));
    }
    let error = Command::new("tail")
        .args(["-n", "40", "-F"])
        .args(files)
        .exec();
    Err(Failure::message(format!("cannot start tail: {error}")))
}
