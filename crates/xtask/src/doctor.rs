//! `cargo dev doctor`: is this machine, and this clone, in order?

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use agent_devenv::{PostgresServer, find};

use crate::env_file::EnvFile;
use crate::failure::{Failure, Outcome};
use crate::output;
use crate::workspace::{Profile, Workspace};

/// Prints one line per check; fails when one of them failed.
pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    let mut checks = vec![toolchain()];
    checks.extend(servers(workspace));
    checks.extend(private_files(workspace));
    checks.extend(binaries(workspace)?);
    for check in &checks {
        output::print(&format!(
            "{:5} {}",
            if check.well { "ok" } else { "FAIL" },
            check.line
        ));
    }
    if checks.iter().all(|check| check.well) {
        Ok(())
    } else {
        Err(Failure::Status(1))
    }
}

struct Check {
    well: bool,
    line: String,
}

impl Check {
    fn new(well: bool, line: impl Into<String>) -> Self {
        Self {
            well,
            line: line.into(),
        }
    }
}

fn toolchain() -> Check {
    let version = Command::new("rustc").arg("--version").output();
    match version {
        Ok(output) if output.status.success() => {
            Check::new(true, String::from_utf8_lossy(&output.stdout).trim())
        }
        _ => Check::new(false, "rustc does not start"),
    }
}

fn servers(workspace: &Workspace) -> Vec<Check> {
    let found = find(&workspace.tools_dir());
    let mut checks = Vec::new();
    if let Some(tools) = &found.postgres {
        checks.push(Check::new(
            true,
            format!(
                "PostgreSQL {} in {}",
                tools.version,
                tools.bin_dir.display()
            ),
        ));
        checks.push(Check::new(tools.psql().is_some(), "psql"));
    }
    if let Some(tools) = &found.redis {
        checks.push(Check::new(
            true,
            format!("Redis {}: {}", tools.version, tools.server.display()),
        ));
    }
    let missing = found.missing().into_iter().map(|name| {
        Check::new(
            false,
            format!("{name} is missing: `cargo dev up` installs it"),
        )
    });
    checks.extend(missing);
    checks
}

fn private_files(workspace: &Workspace) -> Vec<Check> {
    [workspace.env_file(), workspace.state_file()]
        .into_iter()
        .filter_map(|path| {
            let mode = fs::metadata(&path).ok()?.permissions().mode() & 0o777;
            Some(Check::new(
                mode == 0o600,
                format!("{} has the mode {mode:o}", path.display()),
            ))
        })
        .collect()
}

/// What the binary says about its configuration and, when it runs, about the database.
fn binaries(workspace: &Workspace) -> Outcome<Vec<Check>> {
    let environment = EnvFile::read(&workspace.env_file())?;
    let binary = workspace.binary("agent-api", Profile::Debug);
    if environment == EnvFile::default() || !binary.is_file() {
        return Ok(vec![Check::new(
            true,
            "there is no development system here yet (`cargo dev up`)",
        )]);
    }
    let ask = |command: &str, stdout: Stdio| {
        let mut command_line = Command::new(&binary);
        let status = command_line
            .arg(command)
            .envs(environment.pairs())
            .stdout(stdout)
            .status();
        Check::new(
            status.is_ok_and(|status| status.success()),
            format!("agent-api {command}"),
        )
    };
    // Its stdout is the long list of all settings; faults go to stderr.
    let mut checks = vec![ask("check-config", Stdio::null())];
    if crate::state::State::read(&workspace.state_file())?
        .is_some_and(|state| PostgresServer::running(&state.postgres_data).is_some())
    {
        checks.push(ask("doctor", Stdio::inherit()));
    }
    Ok(checks)
}
