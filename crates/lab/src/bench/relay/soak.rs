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
/// All days of the outbox, with indexes and what is kept aside.
const KEPT: &str =
    "SELECT sum(pg_total_relation_size(relid))::bigint FROM pg_partition_tree('agent_outbox')";
/// Rows of it that nobody sees any more. Its rows are only ever inserted, so there should be none.
const DEAD: &str = "SELECT coalesce(sum(n_dead_tup), 0)::bigint FROM pg_stat_user_tables \
     WHERE relid IN (SELECT relid FROM pg_partition_tree('agent_outbox'))";
const MEBIBYTE: f64 = 1024.0 * 1024.0;
/// The most of the second half against the most of the first one. The table swings with the rounds of
/// the server's vacuum, so the most of some minutes is not the same twice.
const FLAT_MEMORY: f64 = 1.1;
const FLAT_TABLE: f64 = 1.25;
/// The outbox keeps its rows, so it grows: in the second half by so many times the bytes of an event
/// of the first one.
const FLAT_GROWTH: f64 = 1.1;
/// The server vacuums each minute: a shorter run shows growth only.
const JUDGED_FROM: Duration = Duration::from_secs(240);

struct Sample {
    written: f64,
    memory: f64,
    pending: f64,
    waiting: f64,
    /// Bytes of the outbox.
    kept: f64,
    dead: f64,
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
            samples.push(look(&stage, &worker, written).await?);
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
    let target = |limit| match time < JUDGED_FROM {
        true => Target::None,
        false => Target::RatioAtMost(limit),
    };
    let flat = |what, value, limit| {
        let halves = (most(first, value), most(second, value));
        Figure::against(NAME, what, "MiB", halves, target(limit))
    };
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
        Figure::against(
            NAME,
            "growth of the outbox and its indexes, second half against first",
            "bytes/event",
            growth(&samples),
            target(FLAT_GROWTH),
        ),
        Figure::plain(
            NAME,
            "most dead rows of the outbox",
            "rows",
            most(&samples, |sample| sample.dead),
            Target::None,
        ),
        Figure::plain(
            NAME,
            "most that waited in the second half",
            "events",
            most(second, |sample| sample.waiting),
            Target::AtMost(f64::from(COMMITS * EVENTS)),
        ),
    ])
}

fn most(samples: &[Sample], value: fn(&Sample) -> f64) -> f64 {
    samples.iter().map(value).fold(f64::NAN, f64::max)
}

/// Bytes by which the outbox grew for an event, from the first sample to the one in the middle and from
/// that to the last. No number where nothing was written between them.
fn growth(samples: &[Sample]) -> (f64, f64) {
    let (Some(first), Some(last)) = (samples.first(), samples.last()) else {
        return (f64::NAN, f64::NAN);
    };
    let middle = &samples[samples.len() / 2];
    let between = |from: &Sample, to: &Sample| match to.written - from.written {
        0.0 => f64::NAN,
        written => (to.kept - from.kept) / written,
    };
    (between(first, middle), between(middle, last))
}

async fn look(stage: &Stage, worker: &Worker, written: u32) -> anyhow::Result<Sample> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let number = |number: i64| number as f64;
    let sample = Sample {
        written: f64::from(written),
        memory: worker.resident_memory()?,
        pending: number(stage.number(PENDING).await?) / MEBIBYTE,
        waiting: number(stage.number(WAITING).await?),
        kept: number(stage.number(KEPT).await?),
        dead: number(stage.number(DEAD).await?),
    };
    say!(
        "  worker {:.1} MiB, unpublished set {:.1} MiB, {} wait, outbox {:.1} MiB",
        sample.memory,
        sample.pending,
        sample.waiting,
        sample.kept / MEBIBYTE
    );
    Ok(sample)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::Verdict;

    fn samples(kept: &[(f64, f64)]) -> Vec<Sample> {
        let sample = |&(written, kept): &(f64, f64)| Sample {
            written,
            memory: 0.0,
            pending: 0.0,
            waiting: 0.0,
            kept,
            dead: 0.0,
        };
        kept.iter().map(sample).collect()
    }

    fn verdict(kept: &[(f64, f64)]) -> Verdict {
        let growth = growth(&samples(kept));
        Figure::against(NAME, "", "", growth, Target::RatioAtMost(FLAT_GROWTH)).verdict
    }

    #[test]
    fn q94_the_outbox_may_grow_by_what_was_written_and_by_nothing_else() {
        // What it was before the first sample does not count, nor how fast was written.
        let even = [
            (10.0, 9_000.0),
            (20.0, 14_000.0),
            (110.0, 59_000.0),
            (120.0, 64_000.0),
        ];
        let (first, second) = growth(&samples(&even));
        assert!((first - 500.0).abs() < 1e-9 && (second - 500.0).abs() < 1e-9);
        assert_eq!(verdict(&even), Verdict::Met);
        let bloated = [(10.0, 9_000.0), (20.0, 14_000.0), (30.0, 19_600.0)];
        assert_eq!(verdict(&bloated), Verdict::Missed);
    }

    #[test]
    fn growth_without_events_is_no_number_and_meets_nothing() {
        let still = [(10.0, 9_000.0), (10.0, 9_000.0), (20.0, 14_000.0)];
        for kept in [&[][..], &still[..1], &still] {
            assert_eq!(verdict(kept), Verdict::Missed);
        }
    }
}
