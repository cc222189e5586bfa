//! Statements by a bare loop: prepared once, sent one after the other, rows received and not
//! looked at.

use std::time::Instant;

use anyhow::{Context as _, bail};
use futures_util::{StreamExt as _, future::try_join_all, pin_mut};
use tokio_postgres::{
    Client, NoTls,
    types::{Format, IsNull, ToSql, Type, private::BytesMut, to_sql_checked},
};

use super::{
    Job, Share, Statement, Variation, Work,
    variation::{Parameter, Turn, Turns},
};

/// Each plan is chosen anew for the first five executions of a prepared statement.
const LEAST_WARM_UP: u32 = 7;

/// A value as text, of whatever type the statement wants.
#[derive(Debug)]
pub(super) struct Text(pub(super) Option<String>);

impl ToSql for Text {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        let Some(text) = &self.0 else {
            return Ok(IsNull::Yes);
        };
        out.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

enum Step {
    Simple(String),
    Prepared(tokio_postgres::Statement, Vec<Parameter>),
    Copy(String),
}

struct Loop {
    client: Client,
    steps: Vec<Step>,
}

pub(super) async fn run(job: &Job) -> anyhow::Result<Vec<Share>> {
    let same = Variation::default();
    let variation = match &job.work {
        Work::Sql { variation, .. } => variation,
        _ => &same,
    };
    let turns = Turns::of(variation);
    try_join_all((0..job.clients).map(|n| client(job, variation, &turns, n))).await
}

async fn client(
    job: &Job,
    variation: &Variation,
    turns: &Turns,
    n: usize,
) -> anyhow::Result<Share> {
    let one = match &job.work {
        Work::Sql {
            database,
            statements,
            ..
        } => Loop::prepare(database, statements, variation).await?,
        Work::Copy {
            database,
            statements,
        } => Loop {
            client: connect(database).await?,
            steps: statements.iter().map(copied).collect(),
        },
        Work::Http { .. } | Work::Hash => bail!("no statements"),
    };
    let mut places = (n..).step_by(job.clients);
    let mut next = || turns.turn(places.next().unwrap_or(n));
    let mut times = 0;
    let started = Instant::now();
    while started.elapsed() < job.warm_up
        || times < LEAST_WARM_UP && matches!(job.work, Work::Sql { .. })
    {
        one.round(&next()).await?;
        times += 1;
    }
    let mut share = Share::default();
    let started = Instant::now();
    while started.elapsed() < job.run {
        let round = Instant::now();
        share.lines += one.round(&next()).await?;
        share.latencies.push(round.elapsed().as_secs_f64() * 1000.0);
        share.seconds = started.elapsed().as_secs_f64();
    }
    Ok(share)
}

async fn connect(database: &str) -> anyhow::Result<Client> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    tokio::spawn(connection);
    // As the product does.
    client.batch_execute("SET ROLE agent_service_app").await?;
    Ok(client)
}

fn copied(statement: &Statement) -> Step {
    if statement.parameters.is_none() {
        return Step::Simple(statement.sql.clone());
    }
    Step::Copy(format!("COPY ({}) TO STDOUT", statement.with_values()))
}

impl Loop {
    async fn prepare(
        database: &str,
        statements: &[Statement],
        variation: &Variation,
    ) -> anyhow::Result<Self> {
        let client = connect(database).await?;
        let mut steps = Vec::new();
        for Statement { sql, parameters } in statements {
            let Some(parameters) = parameters else {
                steps.push(Step::Simple(sql.clone()));
                continue;
            };
            let statement = client.prepare(sql).await;
            let statement = statement.with_context(|| format!("cannot prepare {sql}"))?;
            steps.push(Step::Prepared(
                statement,
                parameters
                    .iter()
                    .map(|value| Parameter::of(value.as_ref(), variation))
                    .collect(),
            ));
        }
        Ok(Self { client, steps })
    }

    /// Gives the lines that were copied.
    async fn round(&self, turn: &Turn<'_>) -> anyhow::Result<u64> {
        let mut lines = 0;
        for step in &self.steps {
            match step {
                Step::Simple(sql) => self.client.batch_execute(sql).await?,
                Step::Prepared(statement, parameters) => {
                    let values = parameters.iter().map(|one| one.in_turn(turn));
                    let rows = self.client.query_raw(statement, values).await?;
                    pin_mut!(rows);
                    while let Some(row) = rows.next().await {
                        row?;
                    }
                }
                Step::Copy(sql) => {
                    let data = self.client.copy_out(sql.as_str()).await?;
                    pin_mut!(data);
                    while let Some(part) = data.next().await {
                        let part = part?;
                        lines += part.split(|byte| *byte == b'\n').count() as u64 - 1;
                    }
                }
            }
        }
        Ok(lines)
    }
}
