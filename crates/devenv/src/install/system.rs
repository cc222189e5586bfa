//! The system's package manager. It changes the machine, so it is used only in CI or when
//! a person asked for it.

use std::process::{Command, Stdio};

use super::Server;
use crate::error::{DevEnvError, Doing};
use crate::find::on_path;
use crate::notice::tell;
use crate::run_as::is_root;

struct Manager {
    program: &'static str,
    /// Shell text; the packages are its arguments.
    script: &'static str,
    /// What a person types in front of the package names.
    typed: &'static str,
    needs_root: bool,
    postgres: &'static str,
    redis: &'static str,
}

const MANAGERS: &[Manager] = &[
    Manager {
        program: "apt-get",
        script: include_str!("apt_install.sh"),
        typed: "apt-get install --no-install-recommends",
        needs_root: true,
        postgres: "postgresql",
        redis: "redis-server",
    },
    Manager {
        program: "dnf",
        script: "exec dnf install -y \"$@\"",
        typed: "dnf install",
        needs_root: true,
        postgres: "postgresql-server",
        redis: "redis",
    },
    Manager {
        program: "apk",
        script: "exec apk add \"$@\"",
        typed: "apk add",
        needs_root: true,
        postgres: "postgresql",
        redis: "redis",
    },
    Manager {
        program: "brew",
        script: "exec brew install \"$@\"",
        typed: "brew install",
        needs_root: false,
        postgres: "postgresql@17",
        redis: "redis",
    },
];

/// Installs packages; starts no system service.
pub(super) fn install(servers: &[Server]) -> Result<(), DevEnvError> {
    let manager = present().ok_or_else(|| DevEnvError::failed("no known package manager"))?;
    let mut command = if !manager.needs_root || is_root() {
        Command::new("sh")
    } else if on_path("sudo").is_some() {
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "sh"]);
        sudo
    } else {
        return Err(DevEnvError::failed(format!(
            "{} needs root",
            manager.program
        )));
    };
    let packages = packages(manager, servers);
    tell(&format!(
        "installing {} with {} (system packages; no service is started)",
        packages.join(" "),
        manager.program
    ));
    let status = command
        .args(["-c", manager.script, "install"])
        .args(&packages)
        .stdin(Stdio::null())
        // The output belongs to the person who asked, but stdout belongs to the caller.
        .stdout(std::io::stderr())
        .status()
        .doing(|| format!("run {}", manager.program))?;
    if status.success() {
        return Ok(());
    }
    Err(DevEnvError::failed(format!(
        "{} failed ({status})",
        manager.program
    )))
}

/// The command for a person, e.g. `sudo apt-get install --no-install-recommends redis-server`.
pub(super) fn manual_command(servers: &[Server]) -> String {
    let Some(manager) = present() else {
        return "PostgreSQL 15 or newer and Redis 6.2 or newer, so that `postgres` and `redis-server` are on the PATH".into();
    };
    let sudo = if manager.needs_root && !is_root() {
        "sudo "
    } else {
        ""
    };
    format!(
        "{sudo}{} {}",
        manager.typed,
        packages(manager, servers).join(" ")
    )
}

fn present() -> Option<&'static Manager> {
    MANAGERS
        .iter()
        .find(|manager| on_path(manager.program).is_some())
}

fn packages(manager: &Manager, servers: &[Server]) -> Vec<&'static str> {
    servers
        .iter()
        .map(|server| match server {
            Server::Postgres => manager.postgres,
            Server::Redis => manager.redis,
        })
        .collect()
}
