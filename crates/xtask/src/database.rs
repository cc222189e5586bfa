//! The development database inside the server.

use std::process::Command;

use agent_devenv::{PostgresTools, tell};

use crate::failure::{Failure, Outcome};
use crate::state::State;
use crate::step;

/// Name of the development database.
pub(crate) const NAME: &str = "agent_service";

/// `psql` for the owner of the database. The password goes by the environment, which only
/// the same user can read, not by the command line.
pub(crate) fn psql(tools: &PostgresTools, state: &State, database: &str) -> Outcome<Command> {
    let program = tools.psql().ok_or_else(|| {
        Failure::message(format!(
            "there is no psql in {} nor on the PATH: install the PostgreSQL client",
            tools.bin_dir.display()
        ))
    })?;
    let mut command = tools.command(&program);
    command
        .env("PGHOST", "127.0.0.1")
        .env("PGPORT", state.ports.postgres.to_string())
        .env("PGUSER", "postgres")
        .env("PGPASSWORD", &state.postgres_password)
        .env("PGDATABASE", database);
    Ok(command)
}

/// Creates the database unless it is there.
pub(crate) fn create(tools: &PostgresTools, state: &State) -> Outcome<()> {
    let query = format!("select 1 from pg_database where datname = '{NAME}'");
    let found = step::output(
        psql(tools, state, "postgres")?.args(["-XAtc", &query]),
        "ask for the database",
    )?;
    if found.trim() == "1" {
        return Ok(());
    }
    tell(&format!("creating the database {NAME}"));
    let create = format!("create database {NAME}");
    step::output(
        psql(tools, state, "postgres")?.args(["-Xqc", &create]),
        "create the database",
    )
    .map(drop)
}
