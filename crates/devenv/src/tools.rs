//! The server programs that were found, and how to call them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Major and minor version of a server program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

impl Version {
    /// The first version number in the output of `<program> --version`.
    pub(crate) fn parse(output: &str) -> Option<Self> {
        let word = output
            .split_whitespace()
            .map(|word| word.strip_prefix("v=").unwrap_or(word))
            .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
        let mut numbers = word.split('.').map(leading_number);
        let major = numbers.next().flatten()?;
        Some(Self(major, numbers.next().flatten().unwrap_or(0)))
    }
}

fn leading_number(text: &str) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Both servers.
#[derive(Clone, Debug)]
pub struct Tools {
    /// PostgreSQL >= 15.
    pub postgres: PostgresTools,
    /// Redis >= 6.2, or Valkey.
    pub redis: RedisTools,
}

/// The programs of one PostgreSQL installation.
#[derive(Clone, Debug)]
pub struct PostgresTools {
    /// The folder that holds `postgres` and `initdb`.
    pub bin_dir: PathBuf,
    /// Version of `postgres`.
    pub version: Version,
    /// Folders for the dynamic linker; empty for an installed package.
    pub lib_dirs: Vec<PathBuf>,
    /// The folder under `.dev/tools` that the programs were unpacked to; `None` when the
    /// machine had them.
    pub tree: Option<PathBuf>,
}

impl PostgresTools {
    /// The path of one program, e.g. `initdb`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }

    /// `psql` of this installation, or the one on the PATH.
    #[must_use]
    pub fn psql(&self) -> Option<PathBuf> {
        let own = self.program("psql");
        if own.is_file() {
            Some(own)
        } else {
            crate::find::on_path("psql")
        }
    }

    /// A command for one of these programs, with the linker path set.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        with_libraries(program, &self.lib_dirs)
    }
}

/// The programs of one Redis installation.
#[derive(Clone, Debug)]
pub struct RedisTools {
    /// `redis-server` or `valkey-server`.
    pub server: PathBuf,
    /// `redis-cli` or `valkey-cli`, when there is one.
    pub cli: Option<PathBuf>,
    /// Version of the server.
    pub version: Version,
    /// Folders for the dynamic linker; empty for an installed package.
    pub lib_dirs: Vec<PathBuf>,
    /// As in [`PostgresTools::tree`].
    pub tree: Option<PathBuf>,
}

impl RedisTools {
    /// A command for one of these programs, with the linker path set.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        with_libraries(program, &self.lib_dirs)
    }
}

pub(crate) fn with_libraries(program: &Path, lib_dirs: &[PathBuf]) -> Command {
    let mut command = Command::new(program);
    if let Ok(joined) = std::env::join_paths(lib_dirs)
        && !lib_dirs.is_empty()
    {
        command.env("LD_LIBRARY_PATH", joined);
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_the_servers_print() {
        let cases = [
            (
                "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)",
                Version(15, 18),
            ),
            ("postgres (PostgreSQL) 18beta1", Version(18, 0)),
            (
                "Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.1.0",
                Version(6, 2),
            ),
            (
                "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc",
                Version(8, 0),
            ),
        ];
        for (output, version) in cases {
            assert_eq!(Version::parse(output), Some(version), "{output}");
        }
        assert_eq!(Version::parse("no number here"), None);
    }

    #[test]
    fn versions_compare_by_number() {
        assert!(Version(15, 2) < Version(15, 10));
        assert!(Version(7, 0) > Version(6, 2));
    }
}
