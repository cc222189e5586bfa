//! Server programs out of Debian packages, unpacked without root: nothing is installed, no
//! service is made. For machines with `apt` and without Python. `apt` checks the signature
//! of its index, and every package against it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::wheels::run;
use super::{Server, fill_tree};
use crate::directory::remove_tree;
use crate::error::{DevEnvError, Doing};
use crate::find::on_path;
use crate::notice::tell;
use crate::run_as::is_root;

/// Unpacks one server, and the libraries that the machine lacks, to `<tools>/<package>-apt`.
pub(super) fn unpack(tools: &Path, server: Server) -> Result<(), DevEnvError> {
    if on_path("apt-get").is_none() || on_path("dpkg").is_none() {
        return Err(DevEnvError::failed("no apt-get"));
    }
    let package = package(server);
    let work = work_folder(tools);
    for folder in ["lists/partial", "cache/archives/partial"] {
        let folder = work.join(folder);
        fs::create_dir_all(&folder).doing(|| format!("create {}", folder.display()))?;
    }
    tell(&format!(
        "reading the package index of apt to {}",
        work.display()
    ));
    run(
        apt(&work).args(["-qq", "update"]),
        "read the package index of apt",
    )?;
    let packages = needed(&work, package)?;
    let tree = tools.join(format!("{package}-apt"));
    tell(&format!(
        "unpacking {} to {}",
        packages.join(", "),
        tree.display()
    ));
    fill_tree(tools, &format!("{package}-apt"), |part| {
        let archives = part.join("archives");
        fs::create_dir_all(&archives).doing(|| format!("create {}", archives.display()))?;
        run(
            apt(&work)
                .args(["-qq", "download"])
                .args(&packages)
                .current_dir(&archives),
            "download packages",
        )?;
        for archive in files(&archives) {
            run(
                Command::new("dpkg").arg("-x").arg(&archive).arg(part),
                "unpack a package",
            )?;
        }
        fs::remove_dir_all(&archives).doing(|| format!("remove {}", archives.display()))
    })
}

/// Removes the package index, which is large.
pub(super) fn remove_index(tools: &Path) -> Result<(), DevEnvError> {
    remove_tree(&work_folder(tools))
}

fn work_folder(tools: &Path) -> PathBuf {
    tools.join("apt")
}

fn package(server: Server) -> &'static str {
    match server {
        Server::Postgres => "postgresql",
        Server::Redis => "redis-server",
    }
}

/// `apt-get` with index and cache of its own, so that no right to the system's is needed.
fn apt(work: &Path) -> Command {
    let mut command = Command::new("apt-get");
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    for (option, folder) in [("Dir::State::lists", "lists"), ("Dir::Cache", "cache")] {
        command
            .arg("-o")
            .arg(format!("{option}={}", work.join(folder).display()));
    }
    if is_root() {
        // Its helper user cannot pass a private folder above.
        command.args(["-o", "APT::Sandbox::User=root"]);
    }
    command
}

/// The package and what it needs that is not installed.
fn needed(work: &Path, package: &str) -> Result<Vec<String>, DevEnvError> {
    let output = apt(work)
        .args([
            "-qq",
            "--simulate",
            "--no-install-recommends",
            "install",
            package,
        ])
        .output()
        .doing(|| "run apt-get".into())?;
    let packages = to_install(&String::from_utf8_lossy(&output.stdout));
    if packages.is_empty() {
        return Err(DevEnvError::failed(format!(
            "apt offers no package {package} to install"
        )));
    }
    Ok(packages)
}

/// Lines such as `Inst libjemalloc2 (5.3.0-1 Debian:12 [amd64])`.
fn to_install(simulation: &str) -> Vec<String> {
    let name = |line: &str| {
        Some(
            line.strip_prefix("Inst ")?
                .split_whitespace()
                .next()?
                .to_owned(),
        )
    };
    simulation.lines().filter_map(name).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map(|dir| dir.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_simulation() {
        let simulation = "Inst liblzf1 (3.6-3 Debian:12 [amd64])\nInst redis-server [6] (7 Debian [amd64]) []\nConf liblzf1 (3.6-3)\n";
        assert_eq!(to_install(simulation), ["liblzf1", "redis-server"]);
    }
}
