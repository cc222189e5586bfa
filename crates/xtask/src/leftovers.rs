//! Processes that a killed `up` left behind.

use std::time::Duration;

use agent_devenv::{PostgresServer, ProcessId, RedisServer, Stop, tell};

use crate::pid_file;
use crate::state::State;
use crate::workspace::Workspace;

/// Time for an orderly end of the API or the worker.
pub(crate) const APP_PATIENCE: Duration = Duration::from_secs(15);
/// Time for an orderly end of a database server.
pub(crate) const SERVER_PATIENCE: Duration = Duration::from_secs(30);

/// Stops them in order, each verified to be the very process; gives their number.
pub(crate) fn stop(workspace: &Workspace, state: &State) -> usize {
    let mut stopped = 0;
    for name in ["admin", "worker", "api", "sms"] {
        let note = workspace.pid_file(name);
        stopped += usize::from(stop_one(
            name,
            pid_file::read(&note),
            Stop::Terminate,
            APP_PATIENCE,
        ));
        pid_file::remove(&note);
    }
    let redis = RedisServer::running(&workspace.redis_dir()).map(|(id, _)| id);
    stopped += usize::from(stop_one("redis", redis, Stop::Terminate, SERVER_PATIENCE));
    let postgres = PostgresServer::running(&state.postgres_data).map(|(id, _)| id);
    stopped += usize::from(stop_one(
        "postgres",
        postgres,
        Stop::Interrupt,
        SERVER_PATIENCE,
    ));
    stopped
}

fn stop_one(name: &str, id: Option<ProcessId>, how: Stop, patience: Duration) -> bool {
    let Some(id) = id else { return false };
    let word = if id.stop(how, patience) {
        "stopped"
    } else {
        "killed"
    };
    tell(&format!("{word} {name} (process {})", id.pid));
    true
}
