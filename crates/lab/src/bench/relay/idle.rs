//! What a worker costs that has nothing to do.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{Extent, stage::Stage};
use crate::{
    bench::figure::{Figure, Target},
    rig::server_log::{self, PREFIX, ServerLog},
};

const NAME: &str = "relay-idle";
/// Until it has started, made its partitions, done its first round of upkeep, and it is quiet.
const SETTLE: Duration = Duration::from_secs(15);
/// Its jobs come round each 15 seconds at the latest.
const WHOLE_ROUNDS: Duration = Duration::from_secs(30);
/// What a worker calls itself.
const WORKER: &str = "agent-worker";

pub(in crate::bench) async fn run(extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let stage = Stage::set().await?;
    let prefix = format!("ALTER SYSTEM SET log_line_prefix = '{PREFIX}'");
    sqlx::raw_sql(sqlx::AssertSqlSafe(prefix))
        .execute(&stage.owner)
        .await?;
    stage.sql("ALTER SYSTEM SET log_statement = 'all'").await?;
    stage.sql("SELECT pg_reload_conf()").await?;
    let worker = stage.worker("bench-idle")?;
    sleep(SETTLE).await;
    let mut log = ServerLog::new(stage.servers.log());
    log.news()?;
    let (cpu, started) = (worker.cpu_seconds()?, Instant::now());
    sleep(WHOLE_ROUNDS.max(Duration::from_secs(u64::from(extent.seconds)))).await;
    let elapsed = started.elapsed().as_secs_f64();
    let cpu = (worker.cpu_seconds()? - cpu) / elapsed * 100.0;
    let sent = u32::try_from(server_log::statements(&log.news()?, WORKER).len())?;
    let figure = |what, unit, value, target| Figure::plain(NAME, what, unit, value, target);
    Ok(vec![
        figure(
            "statements of all jobs",
            "/s",
            f64::from(sent) / elapsed,
            Target::AtMost(1.0),
        ),
        figure("share of a core", "%", cpu, Target::AtMost(0.5)),
    ])
}
