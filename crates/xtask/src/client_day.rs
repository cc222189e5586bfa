//! `cargo dev client-day`: makes the TypeScript client, checks its types, and drives an agent's day
//! with it. Nothing else here needs Node.js, so nothing else asks for it.

use std::path::Path;
use std::process::Command;

use agent_devenv::{EnsureOptions, tell};

use crate::failure::{Failure, Outcome};
use crate::http;
use crate::interrupt::Interrupt;
use crate::step;
use crate::workspace::Workspace;

const FOLDER: &str = "examples/typescript";
const OLDEST_NODE: u32 = 20;

pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    let interrupt = Interrupt::install()?;
    require_node()?;
    let api = running_api(workspace)?;
    let folder = workspace.root.join(FOLDER);
    let may_install = EnsureOptions::from_environment(&workspace.root).install;
    install(&folder, may_install, &interrupt)?;
    let mut day = npm(&folder);
    day.args(["run", "--silent", "day"]).env("AGENT_API", api);
    step::run(&mut day, "drive an agent's day", &interrupt)
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}

fn require_node() -> Outcome<()> {
    let version = |program| {
        let output = Command::new(program).arg("--version").output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let needed = format!("Node.js {OLDEST_NODE} or newer and npm are needed for this");
    match (version("node"), version("npm")) {
        (Some(node), Some(_)) if major(&node).is_some_and(|major| major >= OLDEST_NODE) => Ok(()),
        (Some(node), Some(_)) => Err(Failure::message(format!("{needed}; this is {node}"))),
        _ => Err(Failure::message(format!("{needed}; not on PATH"))),
    }
}

/// Of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The address of the running API on a brand's host.
fn running_api(workspace: &Workspace) -> Outcome<String> {
    let port = workspace.require_state()?.ports.api;
    match http::get(port, "/health/ready") {
        Ok(answer) if answer.is_success() => Ok(format!("http://brand-a.localhost:{port}")),
        Ok(answer) => Err(Failure::message(format!(
            "the API on port {port} is not ready ({}): see `cargo dev status`",
            answer.status
        ))),
        Err(_) => Err(Failure::message(format!(
            "no API answers on port {port}: run `cargo dev up` in another terminal"
        ))),
    }
}

/// Only when the lock file is newer than what was installed from it.
fn install(folder: &Path, allowed: bool, interrupt: &Interrupt) -> Outcome<()> {
    let changed = |file: &str| {
        folder
            .join(file)
            .metadata()
            .and_then(|data| data.modified())
    };
    let installed = changed("node_modules/.package-lock.json");
    if matches!((installed, changed("package-lock.json")), (Ok(at), Ok(lock)) if at >= lock) {
        return Ok(());
    }
    if !allowed {
        return Err(Failure::message(format!(
            "installing is turned off: run `npm ci` in {FOLDER}"
        )));
    }
    tell("installing what the client is made with (npm ci)");
    step::run(npm(folder).arg("ci"), "install packages", interrupt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_node() {
        assert_eq!(major("v20.20.2"), Some(20));
        assert_eq!(major("20"), None);
    }

    #[test]
    fn installs_only_what_is_older_than_the_lock_file() {
        let folder = std::env::temp_dir().join(format!("agent-xtask-npm-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("node_modules")).unwrap();
        std::fs::write(folder.join("package-lock.json"), "{}").unwrap();
        let interrupt = Interrupt::install().unwrap();
        let refused = install(&folder, false, &interrupt);
        assert!(matches!(refused, Err(Failure::Message(text)) if text.contains("npm ci")));
        std::fs::write(folder.join("node_modules/.package-lock.json"), "{}").unwrap();
        assert!(install(&folder, false, &interrupt).is_ok());
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
