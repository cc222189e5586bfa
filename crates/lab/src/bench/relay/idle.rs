//! What a worker costs that has nothing to do.

use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep};

use super::stage::Stage;
use crate::{out::say, table};

/// Until it has started, made its partitions and done its first round of upkeep.
const SETTLE: Duration = Duration::from_secs(5);

/// Prints statements in a second and the share of a core.
pub(in crate::bench) async fn run(seconds: u32) -> anyhow::Result<()> {
    let stage = Stage::set().await?;
    let worker = stage.worker("bench-idle")?;
    sleep(SETTLE).await;
    let (renewals, cpu, started) = (
        renewals(&stage).await?,
        worker.cpu_seconds()?,
        Instant::now(),
    );
    let commits = commits(&stage).await?;
    sleep(Duration::from_secs(u64::from(seconds))).await;
    let elapsed = started.elapsed().as_secs_f64();
    let per_second = |count: i64| {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let count = count as f64;
        count / elapsed
    };
    let relay = per_second(self::renewals(&stage).await? - renewals);
    let all = per_second(self::commits(&stage).await? - commits);
    let cpu = (worker.cpu_seconds()? - cpu) / elapsed * 100.0;
    table::print(
        ["relay statements/s", "all transactions/s", "CPU %", "MiB"],
        &[[
            format!("{relay:.2}"),
            format!("{all:.2}"),
            format!("{cpu:.2}"),
            format!("{:.1}", worker.peak_memory()?),
        ]],
    );
    say!("all: with the roll-up, the upkeep and this measurement");
    Ok(())
}

/// Every statement of an idle relay renews the worker's row.
async fn renewals(stage: &Stage) -> anyhow::Result<i64> {
    let count: Option<i64> = sqlx::query_scalar(
        "SELECT (n_tup_upd + n_tup_ins)::bigint FROM pg_stat_user_tables WHERE relname = 'outbox_worker'",
    )
    .fetch_one(&stage.owner)
    .await?;
    count.context("no statistics")
}

async fn commits(stage: &Stage) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar(
        "SELECT (xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = current_database()",
    )
    .fetch_one(&stage.owner)
    .await?)
}
