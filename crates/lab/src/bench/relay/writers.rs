//! What the signal after a commit costs those who commit.

use std::time::{Duration, Instant};

use agent_services::wake::WakeSignal;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Extent, latency, stage::Stage};
use crate::bench::{
    effort::Effort,
    figure::{Figure, Target},
};

const NAME: &str = "writers";
const WRITERS: u32 = 8;

/// Without a worker: what it does for the events is the same with and without the signal.
pub(in crate::bench) async fn run(extent: Extent, effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let mut stage = Stage::set().await?;
    stage.clear().await?;
    let seconds = Duration::from_secs(u64::from(extent.seconds)) / 4;
    let (wake, stop) = (WakeSignal::default(), CancellationToken::new());
    let signalling = tokio::spawn(latency::signals(&stage, &wake, &stop)?);
    let pairs = effort
        .alternate(
            async || rate(&stage, seconds, None).await,
            async || rate(&stage, seconds, Some(&wake)).await,
        )
        .await?;
    stop.cancel();
    signalling.await?;
    let what = format!("{WRITERS} writers, signal after each commit against none");
    let target = Target::RatioAtLeast(0.97);
    Ok(vec![Figure::of_pairs(
        NAME,
        what,
        "commits/s",
        &pairs,
        target,
    )])
}

async fn rate(stage: &Stage, time: Duration, wake: Option<&WakeSignal>) -> anyhow::Result<f64> {
    let pool = PgPoolOptions::new()
        .max_connections(WRITERS)
        .min_connections(WRITERS);
    let pool = pool.connect(&stage.servers.database).await?;
    let mut writers = JoinSet::new();
    let started = Instant::now();
    for _ in 0..WRITERS {
        let (pool, wake) = (pool.clone(), wake.cloned());
        writers.spawn(async move {
            let mut commits = 0_u32;
            while started.elapsed() < time {
                latency::append(&pool, usize::try_from(commits % 2_000)?).await?;
                if let Some(wake) = &wake {
                    wake.signal();
                }
                commits += 1;
            }
            anyhow::Ok(commits)
        });
    }
    let mut commits = 0;
    while let Some(done) = writers.join_next().await {
        commits += done??;
    }
    let elapsed = started.elapsed();
    pool.close().await;
    Ok(f64::from(commits) / elapsed.as_secs_f64())
}
