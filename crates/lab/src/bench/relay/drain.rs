//! How fast a full outbox is emptied.

use std::time::Instant;

use super::{
    Extent, bare, cpu,
    stage::{Stage, Worker},
};
use crate::{
    bench::figure::{Figure, Pairs, Target},
    out::say,
};

const NAME: &str = "relay";

/// One measurement.
struct Drained {
    rows_per_second: f64,
    /// Of all processes.
    cpu_microseconds_per_row: f64,
    /// Of a worker.
    peak_memory: f64,
}

pub(in crate::bench) async fn run(extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let rows = extent.rows;
    let mut stage = Stage::set().await?;
    let (mut one, mut two) = (Pairs::default(), Pairs::default());
    let (mut work, mut memory) = (Pairs::default(), 0_f64);
    for pair in 1..=extent.pairs {
        stage.fill(rows).await?;
        let bare = baseline(&mut stage, rows).await?;
        stage.fill(rows).await?;
        let alone = product(&mut stage, rows, 1).await?;
        stage.fill(rows).await?;
        let both = product(&mut stage, rows, 2).await?;
        say!(
            "  pair {pair}: {:.0}  {:.0}  {:.0} rows/s",
            bare.rows_per_second,
            alone.rows_per_second,
            both.rows_per_second
        );
        one.baseline.push(bare.rows_per_second);
        one.product.push(alone.rows_per_second);
        two.baseline.push(alone.rows_per_second);
        two.product.push(both.rows_per_second);
        work.baseline.push(bare.cpu_microseconds_per_row);
        work.product.push(alone.cpu_microseconds_per_row);
        memory = memory.max(alone.peak_memory).max(both.peak_memory);
    }
    let pairs =
        |what, unit, pairs: &Pairs, target| Figure::of_pairs(NAME, what, unit, pairs, target);
    let first = format!("{rows} rows, one worker against a loop that notes nothing");
    Ok(vec![
        pairs(first, "rows/s", &one, Target::RatioAtLeast(0.75)),
        pairs(
            "two workers against one".to_owned(),
            "rows/s",
            &two,
            Target::RatioAtLeast(1.0),
        ),
        pairs(
            "work of worker or loop, Postgres and Redis for a row".to_owned(),
            "us of a core",
            &work,
            Target::None,
        ),
        Figure::plain(
            NAME,
            "memory of a worker",
            "MiB",
            memory,
            Target::AtMost(32.0),
        ),
    ])
}

async fn baseline(stage: &mut Stage, rows: u32) -> anyhow::Result<Drained> {
    let own = std::process::id();
    let (servers, loops, started) = (
        stage.servers_cpu_seconds()?,
        cpu::seconds(own)?,
        Instant::now(),
    );
    let moved = bare::drain(&stage.owner, &mut stage.redis).await?;
    let elapsed = started.elapsed();
    anyhow::ensure!(moved == u64::from(rows), "{moved} rows were moved");
    let cpu = stage.servers_cpu_seconds()? - servers + cpu::seconds(own)? - loops;
    Ok(Drained {
        rows_per_second: f64::from(rows) / elapsed.as_secs_f64(),
        cpu_microseconds_per_row: cpu * 1e6 / f64::from(rows),
        peak_memory: f64::NAN,
    })
}

/// From the first entry to the last: how long a process takes to start is measured elsewhere.
async fn product(stage: &mut Stage, rows: u32, workers: u32) -> anyhow::Result<Drained> {
    let servers = stage.servers_cpu_seconds()?;
    let names = (0..workers).map(|number| format!("bench-{number}"));
    let workers = names.map(|name| stage.worker(&name));
    let workers: Vec<Worker> = workers.collect::<anyhow::Result<_>>()?;
    let first = stage.until_len(1).await?;
    let before = stage.stream_len().await?;
    let last = stage.until_len(u64::from(rows)).await?;
    let moved = u64::from(rows) - before;
    stage.until(WAITING, 0).await?;
    let mut cpu = stage.servers_cpu_seconds()? - servers;
    let mut peak = 0_f64;
    for worker in &workers {
        peak = peak.max(worker.peak_memory()?);
        cpu += worker.cpu_seconds()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 rows")]
    let moved = moved as f64;
    Ok(Drained {
        rows_per_second: moved / (last - first).as_secs_f64(),
        cpu_microseconds_per_row: cpu * 1e6 / f64::from(rows),
        peak_memory: peak,
    })
}

/// Events that are not published, or not noted as such.
pub(super) const WAITING: &str = "SELECT count(*) FROM agent_outbox_pending";
