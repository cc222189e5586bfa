//! Which statements the API sends for a request, taken from Postgres itself.

use std::time::Duration;

use anyhow::{bail, ensure};

use super::{
    API, Rig, Server,
    http::{Body, Connection},
    server_log::{self, PREFIX, ServerLog, Statement},
};

/// What a statement and its parameters are logged with.
const EVERY_STATEMENT: &[(&str, &str)] = &[("log_line_prefix", PREFIX), ("log_statement", "all")];
/// An answer can be there before the log.
const WRITTEN: Duration = Duration::from_millis(30);
const TRIES: usize = 6;

impl Rig {
    /// The statements of each request, in the order in which the API sends them once its caches
    /// are warm.
    pub(crate) async fn record(
        &self,
        api: &Server,
        requests: &[String],
    ) -> anyhow::Result<Vec<Vec<Statement>>> {
        self.configure(EVERY_STATEMENT).await?;
        let mut log = self.server_log()?;
        let mut connection = Connection::open(api.address())?;
        let mut recorded = Vec::new();
        for request in requests {
            recorded.push(repeat(&mut connection, &mut log, request).await?);
        }
        self.reset().await?;
        Ok(recorded)
    }
}

/// Until two in a row are alike: something else of the API may have been at work.
async fn repeat(
    connection: &mut Connection,
    log: &mut ServerLog,
    request: &str,
) -> anyhow::Result<Vec<Statement>> {
    let mut last: Option<Vec<Statement>> = None;
    for _ in 0..TRIES {
        let found = once(connection, log, request).await?;
        let texts = |statements: &[Statement]| -> Vec<String> {
            statements.iter().map(|one| one.sql.clone()).collect()
        };
        if last
            .as_ref()
            .is_some_and(|last| texts(last) == texts(&found))
        {
            return Ok(found);
        }
        last = Some(found);
    }
    bail!(
        "each time other statements are sent for {}",
        first_line(request)
    );
}

async fn once(
    connection: &mut Connection,
    log: &mut ServerLog,
    request: &str,
) -> anyhow::Result<Vec<Statement>> {
    tokio::time::sleep(WRITTEN).await;
    log.news()?;
    let answer = connection.ask(request, Body::Count)?;
    let line = first_line(request);
    let status = answer.status;
    ensure!((200..300).contains(&status), "{line}: status {status}");
    tokio::time::sleep(WRITTEN).await;
    let found = server_log::statements(&log.news()?, API);
    ensure!(!found.is_empty(), "{line}: no statement was logged");
    Ok(found)
}

fn first_line(request: &str) -> &str {
    request.lines().next().unwrap_or_default()
}
