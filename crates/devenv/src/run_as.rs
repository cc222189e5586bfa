//! Which user a server runs as. PostgreSQL refuses to run as root.
//!
//! Order: not root -> the same user; root -> `nobody`, when that user can reach programs and
//! data; else a user namespace, in which root's file rights stay; else `nobody` with the
//! data (and, when needed, the programs) under the temp dir.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::directory::{copy_tree, private_directory, remove_tree, walk};
use crate::error::{DevEnvError, Doing};
use crate::lock::FileLock;
use crate::notice::tell;
use crate::tools::{PostgresTools, with_libraries};
use crate::workspace::path_key;

/// The unprivileged user of every Unix; as a number, since no entry is needed for it.
const NOBODY: u32 = 65534;

/// The user of a server process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunAs {
    /// The user that runs this program.
    Caller,
    /// `nobody`; only root can choose it.
    Nobody,
    /// Not root in its own view, root's file rights in truth.
    UserNamespace,
}

/// How PostgreSQL is run on this machine.
#[derive(Clone, Debug)]
pub struct Placement {
    /// The user of the server.
    pub run_as: RunAs,
    /// The wished data folder, or one under the temp dir.
    pub data_dir: PathBuf,
    /// The programs, or a copy of them that the user can reach.
    pub tools: PostgresTools,
}

struct Facts {
    root: bool,
    programs_reachable: bool,
    data_reachable: bool,
}

fn choose(facts: &Facts, namespaces: impl FnOnce() -> bool) -> Option<RunAs> {
    if !facts.root {
        Some(RunAs::Caller)
    } else if facts.programs_reachable && facts.data_reachable {
        Some(RunAs::Nobody)
    } else if namespaces() {
        Some(RunAs::UserNamespace)
    } else {
        None
    }
}

/// Decides how PostgreSQL is run with this data folder.
///
/// # Errors
/// The programs would have to be copied, and cannot be.
pub fn place(tools: &PostgresTools, data_dir: &Path) -> Result<Placement, DevEnvError> {
    if let Some(parent) = data_dir.parent() {
        fs::create_dir_all(parent).doing(|| format!("create {}", parent.display()))?;
    }
    let facts = Facts {
        root: is_root(),
        programs_reachable: reachable(&tools.program("postgres")),
        data_reachable: data_dir.parent().is_none_or(reachable),
    };
    if let Some(run_as) = choose(&facts, user_namespaces_work) {
        return Ok(Placement {
            run_as,
            data_dir: data_dir.to_path_buf(),
            tools: tools.clone(),
        });
    }
    let tools = if facts.programs_reachable {
        tools.clone()
    } else {
        copied(tools)?
    };
    let data_dir = if facts.data_reachable {
        data_dir.to_path_buf()
    } else {
        refuge("data", data_dir)?.join("postgres")
    };
    Ok(Placement {
        run_as: RunAs::Nobody,
        data_dir,
        tools,
    })
}

/// Decides which user Redis runs as. It would run as root, but need not.
pub(crate) fn place_redis(server: &Path, dir: &Path) -> RunAs {
    let facts = Facts {
        root: is_root(),
        programs_reachable: reachable(server),
        data_reachable: dir.parent().is_none_or(reachable),
    };
    choose(&facts, || false).unwrap_or(RunAs::Caller)
}

impl RunAs {
    /// A command that runs as this user, in a folder that every user can enter.
    pub(crate) fn command(self, program: &Path, lib_dirs: &[PathBuf]) -> Command {
        let mut command = match self {
            Self::Caller | Self::Nobody => with_libraries(program, lib_dirs),
            Self::UserNamespace => {
                let mut command = with_libraries(Path::new("unshare"), lib_dirs);
                command.args(namespace_arguments()).arg(program);
                command
            }
        };
        if self == Self::Nobody {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.current_dir("/");
        command
    }

    /// Makes the folder, and all it holds, this user's own, with mode 0700.
    pub(crate) fn own(self, dir: &Path) -> Result<(), DevEnvError> {
        fs::create_dir_all(dir).doing(|| format!("create {}", dir.display()))?;
        let owner = match self {
            Self::Nobody => NOBODY,
            Self::Caller | Self::UserNamespace => rustix::process::geteuid().as_raw(),
        };
        let meta = fs::metadata(dir).doing(|| format!("read {}", dir.display()))?;
        if meta.uid() != owner {
            walk(dir, &mut |path, _| {
                std::os::unix::fs::lchown(path, Some(owner), Some(owner))
            })
            .doing(|| format!("give {} to its server", dir.display()))?;
        }
        fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
            .doing(|| format!("set the mode of {}", dir.display()))
    }

    /// Gives one file to this user.
    pub(crate) fn own_file(self, path: &Path) -> Result<(), DevEnvError> {
        if self != Self::Nobody {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY))
            .doing(|| format!("give {} to its server", path.display()))
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// True when every user can enter all folders above the path, and read and enter the path.
fn reachable(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else {
        return false;
    };
    let mode = |path: &Path| fs::metadata(path).map_or(0, |meta| meta.mode());
    mode(&path) & 0o001 != 0
        && path
            .ancestors()
            .skip(1)
            .all(|folder| mode(folder) & 0o001 != 0)
}

fn namespace_arguments() -> [String; 4] {
    [
        "--user".into(),
        format!("--map-user={NOBODY}"),
        format!("--map-group={NOBODY}"),
        "--".into(),
    ]
}

/// Containers without the right to make namespaces block `unshare`.
fn user_namespaces_work() -> bool {
    static WORK: OnceLock<bool> = OnceLock::new();
    *WORK.get_or_init(|| {
        Command::new("unshare")
            .args(namespace_arguments())
            .arg("true")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}

/// A folder of root's under the temp dir that stands for one that others cannot reach.
fn refuge(purpose: &str, path: &Path) -> Result<PathBuf, DevEnvError> {
    let refuge = std::env::temp_dir().join(format!("agent-dev-{purpose}-{:016x}", path_key(path)));
    private_directory(&refuge, 0o711)?;
    Ok(refuge)
}

fn copied(tools: &PostgresTools) -> Result<PostgresTools, DevEnvError> {
    let Some(tree) = &tools.tree else {
        return Err(DevEnvError::failed(format!(
            "{} cannot be reached by an unprivileged user, and PostgreSQL does not run as root: \
             run this as an ordinary user",
            tools.bin_dir.display()
        )));
    };
    let refuge = refuge("tools", tree)?;
    let _lock = FileLock::exclusive(
        &refuge.join("lock"),
        "another process that copies the programs",
    )?;
    let copy = refuge.join("programs");
    if !copy.exists() {
        tell(&format!(
            "copying {} to {}, where the server's user can reach it",
            tree.display(),
            copy.display()
        ));
        let part = refuge.join("programs.part");
        remove_tree(&part)?;
        copy_tree(tree, &part)?;
        fs::rename(&part, &copy).doing(|| format!("create {}", copy.display()))?;
    }
    let moved = |path: &Path| {
        path.strip_prefix(tree)
            .map_or_else(|_| path.to_path_buf(), |rest| copy.join(rest))
    };
    Ok(PostgresTools {
        bin_dir: moved(&tools.bin_dir),
        version: tools.version,
        lib_dirs: tools.lib_dirs.iter().map(|dir| moved(dir)).collect(),
        tree: Some(copy.clone()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chooses_in_the_documented_order() {
        let facts = |root, programs_reachable, data_reachable| Facts {
            root,
            programs_reachable,
            data_reachable,
        };
        assert_eq!(
            choose(&facts(false, false, false), || true),
            Some(RunAs::Caller)
        );
        assert_eq!(
            choose(&facts(true, true, true), || true),
            Some(RunAs::Nobody)
        );
        assert_eq!(
            choose(&facts(true, true, false), || true),
            Some(RunAs::UserNamespace)
        );
        assert_eq!(choose(&facts(true, false, true), || false), None);
    }

    #[test]
    fn a_private_folder_above_makes_a_path_unreachable() {
        let outer = std::env::temp_dir().join(format!("agent-devenv-reach-{}", std::process::id()));
        let inner = outer.join("inner");
        private_directory(&outer, 0o711).unwrap();
        private_directory(&inner, 0o711).unwrap();
        assert!(reachable(&inner));
        private_directory(&outer, 0o700).unwrap();
        assert!(!reachable(&inner));
        remove_tree(&outer).unwrap();
    }
}
