//! `cargo dev sqlx`: regenerates `.sqlx/`, the description of every checked query.
//!
//! The macros write a file per query to `SQLX_OFFLINE_DIR` when they ask a live database, so
//! a compiler run against a throw-away database does it, without another tool to install.

mod query_files;
mod scratch;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use agent_devenv::{find, tell, testservers};

use crate::build;
use crate::failure::{Failure, Outcome, While};
use crate::interrupt::Interrupt;
use crate::output;
use crate::step;
use crate::workspace::Workspace;

use query_files::QueryFiles;
use scratch::Scratch;

/// The one package that holds SQL.
const PACKAGE: &str = "agent-persistence";
const PACKAGE_ROOT: &str = "crates/persistence/src/lib.rs";

/// Writes `.sqlx/`, or with `check` only compares it.
pub(crate) fn run(workspace: &Workspace, check: bool) -> Outcome<()> {
    let committed = workspace.root.join(".sqlx");
    let fresh = generate(workspace)?;
    let differing = fresh.differences(&QueryFiles::read(&committed)?);
    if differing.is_empty() {
        tell(&format!(".sqlx is up to date ({} queries)", fresh.len()));
        return Ok(());
    }
    for line in &differing {
        output::print(line);
    }
    if check {
        return Err(Failure::message(
            ".sqlx is out of date: run `cargo dev sqlx` and commit the result",
        ));
    }
    fresh.replace(&committed)?;
    tell(&format!(".sqlx rewritten ({} queries)", fresh.len()));
    Ok(())
}

fn generate(workspace: &Workspace) -> Outcome<QueryFiles> {
    // Held until the end: the servers stay while a process holds them.
    let pair = testservers::shared_pair()?;
    let tools = find(&workspace.tools_dir()).postgres;
    let tools = tools.ok_or_else(|| {
        Failure::message("psql is needed to apply the migrations: install PostgreSQL")
    })?;
    let scratch = Scratch::create(&tools, &pair.database_url)?;
    scratch.migrate(&workspace.root.join("migrations"))?;
    let folder = OutputFolder::create()?;
    compile(workspace, scratch.url(), &folder.0)?;
    QueryFiles::read(&folder.0)
}

fn compile(workspace: &Workspace, database_url: &str, folder: &Path) -> Outcome<()> {
    let interrupt = Interrupt::install()?;
    touch(&workspace.root.join(PACKAGE_ROOT))?;
    tell(&format!("checking {PACKAGE} against a throw-away database"));
    let mut command = build::cargo(workspace);
    command
        .args(["check", "--package", PACKAGE, "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", folder)
        .env("DATABASE_URL", database_url);
    step::run(&mut command, "compile the queries", &interrupt)
}

/// Cargo compiles again only what is newer than its last result.
#[expect(
    clippy::disallowed_methods,
    reason = "the time of a file, not of the service"
)]
fn touch(path: &Path) -> Outcome<()> {
    fs::File::options()
        .append(true)
        .open(path)
        .and_then(|file| file.set_modified(SystemTime::now()))
        .while_doing(|| format!("touch {}", path.display()))
}

/// A folder for the macros, removed at the end.
struct OutputFolder(PathBuf);

impl OutputFolder {
    fn create() -> Outcome<Self> {
        let path = std::env::temp_dir().join(format!("agent-sqlx-{}", std::process::id()));
        agent_devenv::private_directory(&path, 0o700)?;
        Ok(Self(path))
    }
}

impl Drop for OutputFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
