//! `cargo dev status`.

use agent_devenv::{PostgresServer, RedisServer};

use crate::failure::{Failure, Outcome};
use crate::http;
use crate::output;
use crate::pid_file;
use crate::state::State;
use crate::workspace::Workspace;

/// Prints what runs; fails when not all of it runs and is healthy.
pub(crate) fn run(workspace: &Workspace) -> Outcome<()> {
    let state = workspace.require_state()?;
    let rows = rows(workspace, &state);
    for row in &rows {
        output::print(&format!(
            "{:9} {:8} {}",
            row.name,
            if row.well { "up" } else { "down" },
            row.detail
        ));
    }
    if rows.iter().all(|row| row.well) {
        Ok(())
    } else {
        Err(Failure::Status(1))
    }
}

struct Row {
    name: &'static str,
    well: bool,
    detail: String,
}

fn rows(workspace: &Workspace, state: &State) -> Vec<Row> {
    let up = pid_file::read(&workspace.pid_file("up"));
    let postgres = PostgresServer::running(&state.postgres_data);
    let redis = RedisServer::running(&workspace.redis_dir());
    let process = |id: Option<u32>| {
        id.map_or_else(|| "not running".to_owned(), |pid| format!("process {pid}"))
    };
    let server = |found: Option<(agent_devenv::ProcessId, u16)>| {
        found.map_or_else(
            || "not running".to_owned(),
            |(id, port)| format!("127.0.0.1:{port}, process {}", id.pid),
        )
    };
    vec![
        Row {
            name: "cargo dev",
            well: up.is_some(),
            detail: process(up.map(|id| id.pid)),
        },
        Row {
            name: "postgres",
            well: postgres.is_some(),
            detail: server(postgres),
        },
        Row {
            name: "redis",
            well: redis.is_some(),
            detail: server(redis),
        },
        health("api", state.ports.api),
        health("worker", state.ports.worker),
        health("sms", state.ports.sms),
    ]
}

fn health(name: &'static str, port: u16) -> Row {
    match http::get(port, "/health") {
        Ok(answer) => Row {
            name,
            well: answer.is_success(),
            detail: format!(
                "127.0.0.1:{port}, /health {} {}",
                answer.status, answer.body
            ),
        },
        Err(_) => Row {
            name,
            well: false,
            detail: format!("127.0.0.1:{port} does not answer"),
        },
    }
}
