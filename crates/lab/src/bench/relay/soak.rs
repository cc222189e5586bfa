//! Whether memory and tables stay flat in the long run.

use std::time::Duration;

use agent_devenv::PostgresProfile;
use agent_services::wake::WakeSignal;
use anyhow::ensure;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{
    latency,
    stage::{Stage, Worker},
};
use crate::{
    bench::figure::{Figure, Target},
    out::say,
};

const NAME: &str = "relay-soak";
/// Transactions in a second, and events of each.
const COMMITS: u32 = 100;
const EVENTS: u32 = 50;
const LOOK: Duration = Duration::from_secs(5);
/// Table and indexes of the unpublished set.
const PENDING: &str = "SELECT pg_total_relation_size('agent_outbox_pending')";
const WAITING: &str = super::drain::WAITING;
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// The most of the second half against the most of the first one. The table swings with the rounds of
/// the server's vacuum, so the most of some minutes is not the same twice.
const FLAT_MEMORY: f64 = 1.1;
const FLAT_TABLE: f64 = 1.25;
/// The server vacuums each minute: a shorter run shows growth only.
const JUDGED_FROM: Duration = Duration::from_secs(240);

struct Sample {
    memory: f64,
    pending: f64,
    waiting: f64,
}

/// With a server that vacuums by itself and keeps its data safe.
pub(in crate::bench) async fn run(time: Duration) -> anyhow::Result<Vec<Figure>> {
    let mut stage = Stage::set_with(PostgresProfile::Durable).await?;
    stage.clear().await?;
    let trimmed = [("OUTBOX_STREAM_MAX_LEN", "100000")];
    let worker = stage.worker_with("bench-soak", &trimmed)?;
    let (wake, stop) = (WakeSignal::default(), CancellationToken::new());
    let signalling = tokio::spawn(latency::signals(&stage, &wake, &stop)?);
    let mut ticks = interval(Duration::from_secs(1) / COMMITS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (started, mut looked_at) = (Instant::now(), Instant::now());
    let (mut written, mut samples) = (0, Vec::new());
    while started.elapsed() < time {
        ticks.tick().await;
        stage.insert(written, EVENTS).await?;
        wake.signal();
        written += EVENTS;
        if looked_at.elapsed() >= LOOK {
            looked_at = Instant::now();
            samples.push(look(&stage, &worker).await?);
        }
    }
    let rate = f64::from(written) / started.elapsed().as_secs_f64();
    stage.until(WAITING, 0).await?;
    stop.cancel();
    signalling.await?;
    ensure!(
        rate > f64::from(COMMITS * EVENTS) * 0.95,
        "this machine wrote {rate:.0} events/s only"
    );
    let (first, second) = samples.split_at(samples.len() / 2);
    let flat = |what, value: fn(&Sample) -> f64, limit| {
        let most = |half: &[Sample]| half.iter().map(value).fold(f64::NAN, f64::max);
        let halves = (most(first), most(second));
        let target = match time < JUDGED_FROM {
            true => Target::None,
            false => Target::RatioAtMost(limit),
        };
        Figure::against(NAME, what, "MiB", halves, target)
    };
    let waiting = second.iter().map(|sample| sample.waiting);
    let waiting = waiting.fold(f64::NAN, f64::max);
    Ok(vec![
        Figure::plain(
            NAME,
            "written and published",
            "events/s",
            rate,
            Target::None,
        ),
        flat(
            "memory of the worker, second half against first",
            |sample| sample.memory,
            FLAT_MEMORY,
        ),
        flat(
            "unpublished set and its indexes, second half against first",
            |sample| sample.pending,
            FLAT_TABLE,
        ),
        Figure::plain(
            NAME,
            "most that waited in the second half",
            "events",
            waiting,
            Target::AtMost(f64::from(COMMITS * EVENTS)),
        ),
    ])
}

async fn look(stage: &Stage, worker: &Worker) -> anyhow::Result<Sample> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let number = |number: i64| number as f64;
    let sample = Sample {
        memory: worker.resident_memory()?,
        pending: number(stage.number(PENDING).await?) / MEBIBYTE,
        waiting: number(stage.number(WAITING).await?),
    };
    say!(
        "  worker {:.1} MiB, unpublished set {:.1} MiB, {} wait",
        sample.memory,
        sample.pending,
        sample.waiting
    );
    Ok(sample)
}
