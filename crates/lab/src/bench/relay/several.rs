//! Three workers at once, and what becomes of the shards of one that is killed.

use std::{
    collections::{HashMap, HashSet},
    time::Instant,
};

use agent_kv::keys::STREAM;
use anyhow::Context as _;
use redis::streams::StreamRangeReply;
use serde::Deserialize;

use super::{
    Extent,
    drain::WAITING,
    stage::{Stage, Worker},
};
use crate::bench::figure::{Figure, Target};

const NAME: &str = "relay-three";
const NAMES: [&str; 3] = ["bench-0", "bench-1", "bench-2"];
const PUBLISHERS: &str = "SELECT count(DISTINCT owner) FROM outbox_lease WHERE expires_at > now()";
/// Shards that are still the killed one's.
const LEFT_BEHIND: &str = "SELECT count(*) FROM outbox_lease WHERE owner LIKE 'bench-2:%'";
/// Events that a worker may have published and not noted when it dies (`OUTBOX_BATCH`).
const BATCH: f64 = 1_000.0;
const PAGE: usize = 5_000;

pub(in crate::bench) async fn run(extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let mut stage = Stage::set().await?;
    let workers = employ(&mut stage).await?;
    stage.insert(0, extent.rows).await?;
    stage.until(WAITING, 0).await?;
    drop(workers);
    let quiet = Judged::of(&mut stage, extent.rows).await?;

    let mut workers = employ(&mut stage).await?;
    stage.insert(0, extent.rows).await?;
    stage.until_len(u64::from(extent.rows) / 4).await?;
    // By SIGKILL.
    drop(workers.pop());
    let killed = Instant::now();
    let taken_over = stage.until(LEFT_BEHIND, 0).await? - killed;
    stage.until(WAITING, 0).await?;
    drop(workers);
    let after = Judged::of(&mut stage, extent.rows).await?;

    let figure =
        |what, unit, value, most| Figure::plain(NAME, what, unit, value, Target::AtMost(most));
    let amiss = "lost, or later than a successor of the same aggregate";
    Ok(vec![
        figure(amiss.to_owned(), "events", quiet.amiss, 0.0),
        figure("published twice".to_owned(), "events", quiet.twice, 0.0),
        figure(
            format!("one is killed: {amiss}"),
            "events",
            after.amiss,
            0.0,
        ),
        figure(
            "one is killed: published twice".to_owned(),
            "events",
            after.twice,
            BATCH,
        ),
        figure(
            "one is killed: others have its shards after".to_owned(),
            "s",
            taken_over.as_secs_f64(),
            5.0,
        ),
    ])
}

/// Three that share the shards of an empty outbox.
async fn employ(stage: &mut Stage) -> anyhow::Result<Vec<Worker>> {
    stage.clear().await?;
    let workers = NAMES.map(|name| stage.worker(name));
    let workers = workers.into_iter().collect::<anyhow::Result<_>>()?;
    stage.until(PUBLISHERS, 3).await?;
    Ok(workers)
}

/// What is in the stream, held against what was written.
struct Judged {
    amiss: f64,
    twice: f64,
}

#[derive(Deserialize)]
struct Payload {
    n: i64,
}

impl Judged {
    async fn of(stage: &mut Stage, rows: u32) -> anyhow::Result<Self> {
        let (mut seen, mut last) = (HashSet::new(), HashMap::new());
        let (mut twice, mut late) = (0_u32, 0_u32);
        let mut from = "-".to_owned();
        loop {
            let mut read = redis::cmd("XRANGE");
            read.arg(STREAM).arg(&from).arg("+").arg("COUNT").arg(PAGE);
            let page: StreamRangeReply = read.query_async(&mut stage.redis).await?;
            let Some(end) = page.ids.last() else {
                break;
            };
            from = format!("({}", end.id);
            for entry in page.ids {
                let text = |field| entry.get::<String>(field).context("a field");
                if !seen.insert(text("event_id")?) {
                    twice += 1;
                    continue;
                }
                let payload: Payload = serde_json::from_str(&text("payload")?)?;
                let before = last.insert(text("aggregate_id")?, payload.n);
                late += u32::from(before > Some(payload.n));
            }
        }
        let lost = rows.abs_diff(u32::try_from(seen.len())?);
        Ok(Self {
            amiss: f64::from(lost + late),
            twice: f64::from(twice),
        })
    }
}
