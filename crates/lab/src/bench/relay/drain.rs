//! How fast a full outbox is emptied.

use std::time::Instant;

use super::{
    bare,
    stage::{Stage, Worker},
};
use crate::{out::say, table};

/// One measurement of the product.
struct Drained {
    rows_per_second: f64,
    peak_memory: f64,
    cpu_microseconds_per_row: f64,
}

/// Prints rates and ratios of alternating pairs.
pub(in crate::bench) async fn run(rows: u32, pairs: u32) -> anyhow::Result<()> {
    let mut stage = Stage::set().await?;
    let mut lines = Vec::new();
    for pair in 0..pairs {
        stage.fill(rows).await?;
        let bare = baseline(&mut stage, rows).await?;
        stage.fill(rows).await?;
        let one = product(&mut stage, rows, 1).await?;
        stage.fill(rows).await?;
        let two = product(&mut stage, rows, 2).await?;
        say!("pair {} of {pairs}", pair + 1);
        lines.push([
            format!("{bare:.0}"),
            format!("{:.0}", one.rows_per_second),
            format!("{:.2}", one.rows_per_second / bare),
            format!("{:.0}", two.rows_per_second),
            format!("{:.2}", two.rows_per_second / one.rows_per_second),
            format!("{:.0}", one.cpu_microseconds_per_row),
            format!("{:.1}", one.peak_memory.max(two.peak_memory)),
        ]);
    }
    table::print(
        [
            "bare/s",
            "one worker/s",
            "ratio",
            "two workers/s",
            "two:one",
            "CPU us/row",
            "MiB",
        ],
        &lines,
    );
    Ok(())
}

async fn baseline(stage: &mut Stage, rows: u32) -> anyhow::Result<f64> {
    let started = Instant::now();
    let moved = bare::drain(&stage.owner, &mut stage.redis).await?;
    anyhow::ensure!(moved == u64::from(rows), "{moved} rows were moved");
    Ok(f64::from(rows) / started.elapsed().as_secs_f64())
}

/// From the first entry to the last: how long a process takes to start is measured elsewhere.
async fn product(stage: &mut Stage, rows: u32, workers: u32) -> anyhow::Result<Drained> {
    let names = (0..workers).map(|number| format!("bench-{number}"));
    let workers = names.map(|name| stage.worker(&name));
    let workers: Vec<Worker> = workers.collect::<anyhow::Result<_>>()?;
    let first = stage.until_len(1).await?;
    let before = stage.stream_len().await?;
    let last = stage.until_len(u64::from(rows)).await?;
    let moved = u64::from(rows) - before;
    let mut peak = 0_f64;
    let mut cpu = 0.0;
    for worker in &workers {
        peak = peak.max(worker.peak_memory()?);
        cpu += worker.cpu_seconds()?;
    }
    #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 rows")]
    let moved = moved as f64;
    Ok(Drained {
        rows_per_second: moved / (last - first).as_secs_f64(),
        peak_memory: peak,
        cpu_microseconds_per_row: cpu * 1e6 / f64::from(rows),
    })
}
