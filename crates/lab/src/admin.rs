//! `admin`: the part of the admin service that answers events. A new agent may serve the brand on
//! which it was made, if the agent above may (Q-81).

use std::time::Duration;

use anyhow::Context as _;
use redis::streams::StreamId;
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    context::{Lab, announce_brand_change},
    out::say,
    stream::Stream,
};

const PAUSE: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// End after so many agents were let in.
    #[arg(long)]
    count: Option<u64>,
}

/// An agent that was made below another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Created {
    agent: i64,
    parent: i64,
    brand: i64,
}

/// From the oldest event on: what happened while nobody followed is caught up with, and what was
/// decided before stays as it is.
pub(crate) async fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    let (pool, kv) = (lab.owner().await?, lab.kv()?);
    let mut stream = Stream::from_start(lab).await?;
    say!("admin service: new agents are let in where the agents above them are");
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        for created in stream.next(u64::MAX).await?.iter().filter_map(created) {
            if !enable_when_possible(&pool, created).await {
                continue;
            }
            let Created { agent, brand, .. } = created;
            say!("agent {agent} may serve brand {brand}");
            announce_brand_change(&kv, Some(agent)).await;
            left = left.saturating_sub(1);
        }
    }
    Ok(())
}

fn created(event: &StreamId) -> Option<Created> {
    let field = |name: &str| event.get::<String>(name);
    if field("event_type")? != "agent.sub.created" {
        return None;
    }
    read(&field("payload")?)
}

fn read(payload: &str) -> Option<Created> {
    let payload: Value = serde_json::from_str(payload).ok()?;
    let number = |name: &str| payload[name].as_i64();
    Some(Created {
        agent: number("agent_id")?,
        parent: number("parent_guid")?,
        brand: number("brand_id")?,
    })
}

/// Waits for a database that is away: the next event would have to wait as well.
async fn enable_when_possible(pool: &PgPool, created: Created) -> bool {
    loop {
        match enable(pool, created).await {
            Ok(enabled) => return enabled,
            Err(error) => eprintln!("{error:#}; trying again"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether the agent may serve the brand from now on, and might not before.
async fn enable(pool: &PgPool, created: Created) -> anyhow::Result<bool> {
    let done = sqlx::query(
        "INSERT INTO agent_brand (agent_id, brand_id, status) \
         SELECT s.guid, above.brand_id, 'enabled' \
         FROM agent s JOIN agent_brand above ON above.agent_id = s.parent_guid \
         WHERE s.guid = $1 AND s.parent_guid = $2 AND above.brand_id = $3 AND above.status = 'enabled' \
         ON CONFLICT DO NOTHING",
    )
    .bind(created.agent)
    .bind(created.parent)
    .bind(created.brand)
    .execute(pool)
    .await
    .context("the agent cannot be let in")?;
    Ok(done.rows_affected() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q81_the_event_says_who_was_made_where() {
        let payload = r#"{"brand_id":7,"agent_id":43,"parent_guid":42}"#;
        let expected = Created {
            agent: 43,
            parent: 42,
            brand: 7,
        };
        assert_eq!(read(payload), Some(expected));
        for other in [
            "",
            "{}",
            r#"{"brand_id":7,"agent_id":"43","parent_guid":42}"#,
        ] {
            assert_eq!(read(other), None);
        }
    }
}
