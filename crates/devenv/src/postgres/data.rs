//! The data folder of a server: made once, given to the server's user, checked at each boot.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use super::PostgresConfig;
use crate::directory::{copy_tree, remove_tree, write_private};
use crate::error::{DevEnvError, Doing};
use crate::notice::tell;
use crate::process::ProcessId;
use crate::run_as::{Placement, RunAs};
use crate::tools::PostgresTools;

/// Makes the folder ready for a boot. No server may run on it.
pub(super) fn prepare(placement: &Placement, config: &PostgresConfig) -> Result<(), DevEnvError> {
    let Placement {
        run_as,
        data_dir,
        tools,
    } = placement;
    if !data_dir.join("PG_VERSION").exists() {
        fill(*run_as, tools, data_dir, config)?;
    }
    check_major(tools, data_dir)?;
    run_as.own(data_dir)?;
    forget_reused_number(data_dir);
    Ok(())
}

/// After a crash the number in `postmaster.pid` may belong to another program by now, and the
/// server would refuse to boot. In all other cases the file stays: with it the server sees
/// whether processes of the crashed one still use the data.
fn forget_reused_number(data_dir: &Path) {
    let path = data_dir.join("postmaster.pid");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let number = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    if number
        .and_then(ProcessId::of)
        .is_some_and(|id| !id.command_line().contains("postgres"))
    {
        let _ = fs::remove_file(path);
    }
}

fn check_major(tools: &PostgresTools, data_dir: &Path) -> Result<(), DevEnvError> {
    let path = data_dir.join("PG_VERSION");
    let major = fs::read_to_string(&path).doing(|| format!("read {}", path.display()))?;
    if major.trim() == tools.version.0.to_string() {
        return Ok(());
    }
    Err(DevEnvError::failed(format!(
        "the data in {} is of PostgreSQL {}, the programs are {}: run `cargo dev reset`",
        data_dir.display(),
        major.trim(),
        tools.version
    )))
}

fn fill(
    run_as: RunAs,
    tools: &PostgresTools,
    data_dir: &Path,
    config: &PostgresConfig,
) -> Result<(), DevEnvError> {
    // An `initdb` that was killed leaves a folder without PG_VERSION but not empty.
    remove_tree(data_dir)?;
    let cached = config
        .template_cache
        .as_ref()
        .map(|cache| cache.join(format!("initdb-{}-{run_as:?}", tools.version)));
    if let Some(cached) = &cached
        && cached.join("PG_VERSION").exists()
        && copy_tree(cached, data_dir).is_ok()
    {
        return Ok(());
    }
    remove_tree(data_dir)?;
    run_as.own(data_dir)?;
    initdb(run_as, tools, data_dir, config.password.as_deref())?;
    if let Some(cached) = &cached {
        keep_template(data_dir, cached);
    }
    Ok(())
}

/// Keeps a copy for the next boot. A failure only costs time, so it is told, not returned.
fn keep_template(data_dir: &Path, cached: &Path) {
    let part = cached.with_extension("part");
    let kept = remove_tree(&part)
        .and_then(|()| remove_tree(cached))
        .and_then(|()| copy_tree(data_dir, &part))
        .and_then(|()| fs::rename(&part, cached).doing(|| format!("create {}", cached.display())));
    if let Err(error) = kept {
        tell(&format!(
            "no copy of the fresh data folder was kept: {error}"
        ));
    }
}

fn initdb(
    run_as: RunAs,
    tools: &PostgresTools,
    data_dir: &Path,
    password: Option<&str>,
) -> Result<(), DevEnvError> {
    let password_file = data_dir.with_extension("pwfile");
    let mut command = run_as.command(&tools.program("initdb"), &tools.lib_dirs);
    command.arg("-D").arg(data_dir).args([
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--no-sync",
        "--no-instructions",
    ]);
    if let Some(password) = password {
        write_private(&password_file, password)?;
        run_as.own_file(&password_file)?;
        command
            .arg("--auth=scram-sha-256")
            .arg("--pwfile")
            .arg(&password_file);
    } else {
        command.arg("--auth=trust");
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .doing(|| "run initdb".into());
    if password.is_some() {
        fs::remove_file(&password_file).doing(|| format!("remove {}", password_file.display()))?;
    }
    let output = output?;
    if output.status.success() {
        return Ok(());
    }
    let reason = String::from_utf8_lossy(&output.stderr)
        .trim()
        .replace('\n', "; ");
    Err(DevEnvError::failed(format!(
        "initdb failed in {}: {reason}",
        data_dir.display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("agent-devenv-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_reused_number_is_forgotten_and_a_dead_one_kept() {
        let data = scratch("number");
        let file = data.join("postmaster.pid");
        let mut other = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        fs::write(&file, format!("{}\n", other.id())).unwrap();
        forget_reused_number(&data);
        assert!(!file.exists(), "`sleep` is no PostgreSQL");
        other.kill().unwrap();
        other.wait().unwrap();
        fs::write(&file, format!("{}\n", other.id())).unwrap();
        forget_reused_number(&data);
        assert!(file.exists(), "the server itself judges a crashed one");
        fs::remove_dir_all(&data).unwrap();
    }

    #[test]
    fn data_of_another_major_version_is_refused_with_a_way_out() {
        let data = scratch("major");
        fs::write(data.join("PG_VERSION"), "15\n").unwrap();
        let tools = |major| PostgresTools {
            bin_dir: "/x".into(),
            version: crate::tools::Version(major, 1),
            lib_dirs: Vec::new(),
            tree: None,
        };
        assert!(check_major(&tools(15), &data).is_ok());
        let line = check_major(&tools(16), &data).unwrap_err().to_string();
        assert!(line.contains("cargo dev reset"), "{line}");
        fs::remove_dir_all(&data).unwrap();
    }
}
