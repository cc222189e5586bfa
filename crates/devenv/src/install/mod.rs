//! Installs missing servers, in the order of Q-101: what the machine has; files unpacked
//! under `.dev/tools` (no root, no service); the system's package manager, only when asked.

mod apt;
mod system;
mod wheels;

use std::fs;
use std::path::{Path, PathBuf};

use crate::directory::{remove_tree, walk};
use crate::environment::switched_on;
use crate::error::{DevEnvError, Doing};
use crate::find::{COMPLETE, Found, POSTGRES_NAME, find};
use crate::lock::FileLock;
use crate::tools::Tools;
use crate::workspace::tools_dir;

/// One of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Server {
    Postgres,
    Redis,
}

/// Unpacks one server under the tools folder.
type Source = fn(&Path, Server) -> Result<(), DevEnvError>;

/// What [`ensure`] may do.
#[derive(Clone, Debug)]
pub struct EnsureOptions {
    /// Folder that receives unpacked programs: `<workspace root>/.dev/tools`.
    pub tools_dir: PathBuf,
    /// Install what is missing; `false` with `AGENT_DEV_NO_INSTALL=1`.
    pub install: bool,
    /// Use the system's package manager as the last step; `true` when `CI` is set.
    pub install_system: bool,
}

impl EnsureOptions {
    /// The options that the environment asks for.
    #[must_use]
    pub fn from_environment(root: &Path) -> Self {
        Self {
            tools_dir: tools_dir(root),
            install: !switched_on("AGENT_DEV_NO_INSTALL"),
            install_system: switched_on("CI"),
        }
    }
}

/// Finds both servers and installs what is missing; tells each step on stderr.
///
/// Processes that call this at the same time wait for each other.
///
/// # Errors
/// [`DevEnvError::Missing`] names the programs and what a person can do.
pub fn ensure(options: &EnsureOptions) -> Result<Tools, DevEnvError> {
    let found = find(&options.tools_dir);
    if let Some(tools) = found.complete() {
        return Ok(tools);
    }
    if !options.install {
        return Err(missing(&found, "installing is turned off".into()));
    }
    fs::create_dir_all(&options.tools_dir)
        .doing(|| format!("create {}", options.tools_dir.display()))?;
    let _lock = FileLock::exclusive(
        &options.tools_dir.join("lock"),
        "another process that installs the servers",
    )?;
    install_missing(options)
}

fn install_missing(options: &EnsureOptions) -> Result<Tools, DevEnvError> {
    let result = try_sources(options);
    apt::remove_index(&options.tools_dir)?;
    result
}

fn try_sources(options: &EnsureOptions) -> Result<Tools, DevEnvError> {
    let mut found = find(&options.tools_dir);
    let mut failures = Vec::new();
    for source in [wheels::unpack as Source, apt::unpack] {
        for server in absent(&found) {
            if let Err(error) = source(&options.tools_dir, server) {
                failures.push(error.to_string());
            }
        }
        found = find(&options.tools_dir);
        if let Some(tools) = found.complete() {
            return Ok(tools);
        }
    }
    if options.install_system {
        if let Err(error) = system::install(&absent(&found)) {
            failures.push(error.to_string());
        }
        found = find(&options.tools_dir);
        if let Some(tools) = found.complete() {
            return Ok(tools);
        }
    } else {
        failures.push("the system's package manager was not asked to".to_owned());
    }
    Err(missing(&found, failures.join("; ")))
}

fn absent(found: &Found) -> Vec<Server> {
    let mut servers = Vec::new();
    if found.postgres.is_none() {
        servers.push(Server::Postgres);
    }
    if found.redis.is_none() {
        servers.push(Server::Redis);
    }
    servers
}

fn missing(found: &Found, why: String) -> DevEnvError {
    let what = found.missing();
    let mut reasons = found.rejected.clone();
    reasons.push(why);
    let advice = format!("{}. Install: {}", reasons.join("; "), advice(&what));
    DevEnvError::Missing { what, advice }
}

/// The command a person types, for the package manager of this machine.
fn advice(what: &[&'static str]) -> String {
    let servers: Vec<Server> = what
        .iter()
        .map(|name| {
            if *name == POSTGRES_NAME {
                Server::Postgres
            } else {
                Server::Redis
            }
        })
        .collect();
    system::manual_command(&servers)
}

/// Fills `<tools>/<name>` in one step: `fill` works on a folder beside it.
fn fill_tree(
    tools: &Path,
    name: &str,
    fill: impl FnOnce(&Path) -> Result<(), DevEnvError>,
) -> Result<(), DevEnvError> {
    let (tree, part) = (tools.join(name), tools.join(format!("{name}.part")));
    remove_tree(&part)?;
    remove_tree(&tree)?;
    fs::create_dir_all(&part).doing(|| format!("create {}", part.display()))?;
    if let Err(error) = fill(&part) {
        remove_tree(&part)?;
        return Err(error);
    }
    open_to_all(&part)?;
    fs::write(part.join(COMPLETE), "")
        .and_then(|()| fs::rename(&part, &tree))
        .doing(|| format!("create {}", tree.display()))
}

/// Programs can be started and files read by every user, since root's servers run as
/// `nobody`. Archives made for Python do not keep the right to execute.
fn open_to_all(tree: &Path) -> Result<(), DevEnvError> {
    use std::os::unix::fs::PermissionsExt;
    let set = |path: &Path, meta: &fs::Metadata| {
        if meta.is_symlink() {
            return Ok(());
        }
        let executable = meta.is_dir() || path.parent().is_some_and(|dir| dir.ends_with("bin"));
        fs::set_permissions(
            path,
            fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 }),
        )
    };
    walk(tree, &mut { set }).doing(|| format!("set modes in {}", tree.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_names_programs_and_command_when_installing_is_off() {
        let nothing = Found::default();
        let line = missing(&nothing, "installing is turned off".into()).to_string();
        assert!(
            line.starts_with(
                "PostgreSQL >= 15 and Redis >= 6.2 not found: installing is turned off"
            ),
            "{line}"
        );
        assert!(
            line.contains("postgresql") && line.contains("redis"),
            "{line}"
        );
        assert!(!line.contains('\n'), "{line}");
    }

    #[test]
    fn a_failed_fill_leaves_nothing_that_counts_as_installed() {
        let tools = std::env::temp_dir().join(format!("agent-devenv-fill-{}", std::process::id()));
        let failed = fill_tree(&tools, "redis-x", |_| Err(DevEnvError::failed("broken")));
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(&tools).unwrap().count(), 0);
        fill_tree(&tools, "redis-x", |_| Ok(())).unwrap();
        assert!(tools.join("redis-x").join(COMPLETE).is_file());
        remove_tree(&tools).unwrap();
    }
}
