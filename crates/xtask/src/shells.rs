//! `cargo dev psql` and `cargo dev redis`: the clients of the servers, on the development data.

use std::os::unix::process::CommandExt;
use std::process::Command;

use agent_devenv::{PostgresServer, RedisServer, find};

use crate::database;
use crate::failure::{Failure, Outcome};
use crate::workspace::Workspace;

/// Replaces this process by `psql`.
pub(crate) fn psql(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    let state = workspace.require_state()?;
    if PostgresServer::running(&state.postgres_data).is_none() {
        return Err(Failure::message(
            "PostgreSQL is not running: run `cargo dev up`",
        ));
    }
    let tools = find(&workspace.tools_dir());
    let tools = tools
        .postgres
        .ok_or_else(|| Failure::message("the PostgreSQL programs are gone: run `cargo dev up`"))?;
    replace(database::psql(&tools, &state, database::NAME)?.args(arguments))
}

/// Replaces this process by `redis-cli`.
pub(crate) fn redis(workspace: &Workspace, arguments: &[String]) -> Outcome<()> {
    let state = workspace.require_state()?;
    let Some((_, port)) = RedisServer::running(&workspace.redis_dir()) else {
        return Err(Failure::message("Redis is not running: run `cargo dev up`"));
    };
    let tools = find(&workspace.tools_dir()).redis;
    let Some((tools, cli)) = tools.and_then(|tools| Some((tools.clone(), tools.cli?))) else {
        return Err(Failure::message(format!(
            "there is no redis-cli on this machine: Redis listens on 127.0.0.1:{port}, the password is in {}",
            workspace.state_file().display()
        )));
    };
    let mut command = tools.command(&cli);
    command
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .env("REDISCLI_AUTH", &state.redis_password);
    replace(command.args(arguments))
}

/// Only returns when the program cannot be started.
fn replace(command: &mut Command) -> Outcome<()> {
    let error = command.exec();
    Err(Failure::message(format!(
        "cannot start {}: {error}",
        command.get_program().to_string_lossy()
    )))
}
