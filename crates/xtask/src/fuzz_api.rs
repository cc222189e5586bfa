//! `cargo dev fuzz-api`: brings Schemathesis, then hands over to `agent-lab`, which boots what is
//! tested.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use agent_devenv::{EnsureOptions, FileLock, tell};

use crate::build;
use crate::failure::{Failure, Outcome, While};
use crate::interrupt::Interrupt;
use crate::lab;
use crate::step;
use crate::workspace::{Profile, Workspace};

/// Every Python package with its exact version.
const REQUIREMENTS: &str = "tests/fuzz/requirements.txt";
const NEEDED: &str = "Schemathesis needs Python 3.10 or newer with the modules venv and pip \
                      (on Debian and Ubuntu: apt install python3-venv)";

/// Replaces this process by `agent-lab fuzz-api`.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    let interrupt = Interrupt::install()?;
    let schemathesis = schemathesis(workspace, &interrupt)?;
    build::all(workspace, Profile::Debug, &interrupt)?;
    let mut command = Command::new(workspace.binary("agent-lab", Profile::Debug));
    command
        .arg("fuzz-api")
        .arg("--schemathesis")
        .arg(schemathesis);
    lab::replace_by(command.args(arguments))
}

/// The program; installs it below `.dev/tools` where it is missing or of another version.
fn schemathesis(workspace: &Workspace, interrupt: &Interrupt) -> Outcome<PathBuf> {
    let path = workspace.root.join(REQUIREMENTS);
    let wanted = fs::read_to_string(&path).while_doing(|| format!("read {}", path.display()))?;
    let tools = workspace.tools_dir();
    let venv = tools.join("schemathesis");
    let program = venv.join("bin").join("st");
    if is_installed(&venv, &wanted) {
        return Ok(program);
    }
    if !EnsureOptions::from_environment(&workspace.root).install {
        return Err(Failure::message(format!(
            "Schemathesis is not installed in {}, and installing is turned off \
             (AGENT_DEV_NO_INSTALL)",
            venv.display()
        )));
    }
    workspace.create()?;
    fs::create_dir_all(&tools).while_doing(|| format!("create {}", tools.display()))?;
    let _lock = FileLock::exclusive(&tools.join("lock"), "another installation")?;
    if !is_installed(&venv, &wanted) {
        install(&venv, &path, interrupt)?;
        // Last, so that a half-made folder does not count.
        fs::write(mark(&venv), &wanted).while_doing(|| "note what was installed".into())?;
    }
    Ok(program)
}

fn mark(venv: &Path) -> PathBuf {
    venv.join("requirements.txt")
}

fn is_installed(venv: &Path, wanted: &str) -> bool {
    fs::read_to_string(mark(venv)).is_ok_and(|installed| installed == wanted)
}

fn install(venv: &Path, requirements: &Path, interrupt: &Interrupt) -> Outcome<()> {
    require_python()?;
    tell(&format!(
        "installing Schemathesis from PyPI into {}",
        venv.display()
    ));
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(venv);
    step::run(&mut make, "make a Python environment", interrupt)
        .map_err(|failure| explain(failure, NEEDED))?;
    let mut pip = Command::new(venv.join("bin").join("python"));
    pip.args(["-m", "pip", "install", "--quiet"])
        .args(["--disable-pip-version-check", "--requirement"])
        .arg(requirements);
    step::run(&mut pip, "install Schemathesis", interrupt)
}

fn require_python() -> Outcome<()> {
    let asked = Command::new("python3")
        .args([
            "-c",
            "import sys, venv; sys.exit(sys.version_info < (3, 10))",
        ])
        .output();
    match asked {
        Ok(output) if output.status.success() => Ok(()),
        Ok(_) => Err(Failure::message(NEEDED)),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(Failure::message(format!("python3 was not found: {NEEDED}")))
        }
        Err(error) => Err(Failure::message(format!("cannot start python3: {error}"))),
    }
}

fn explain(failure: Failure, advice: &str) -> Failure {
    match failure {
        Failure::Message(message) => Failure::Message(format!("{message}; {advice}")),
        other => other,
    }
}
