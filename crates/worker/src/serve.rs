//! One worker process from settings to the last noted batch.

use std::{sync::Arc, time::Duration};

use agent_config::WorkerSettings;
use agent_services::{
    Clock, Core,
    outbox_relay::{Relay, RelaySettings},
    wiring,
};
use agent_telemetry::{CheckState, HealthReport, Metrics, ops, sd};
use futures_util::future::BoxFuture;
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    jobs::{self, Heartbeat, LoopSign, Publish, RollUp, Sweep, Upkeep},
    supervisor::{self, Job},
};

/// Value of the label `service` in every metric and log line (P-001).
pub const SERVICE: &str = "agent_worker";
/// No check of the health route may take longer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// Looking through the whole outbox takes at most one part in so many of the relay's time, but it
/// is done at least so often.
const WHOLE_PASS_SHARE: u32 = 50;
const WHOLE_PASS_EVERY: Duration = Duration::from_secs(30);

/// A worker that is put together but does not run yet.
pub struct Worker {
    pub core: Core,
    pub metrics: Arc<Metrics>,
}

/// Puts the worker together; succeeds while database and Redis are away.
///
/// # Errors
/// The settings do not work together.
pub fn assemble(settings: &WorkerSettings, clock: Clock) -> anyhow::Result<Worker> {
    let metrics = Metrics::new(SERVICE);
    let core = wiring::worker_core(
        &settings.database,
        &settings.redis,
        "agent-worker",
        metrics.clone(),
        clock,
    )?;
    Ok(Worker { core, metrics })
}

/// The relay as the settings want it.
///
/// # Errors
/// A number is out of range.
pub fn relay(settings: &WorkerSettings, core: Core) -> anyhow::Result<Relay> {
    let outbox = &settings.outbox;
    let settings = RelaySettings {
        instance: settings.process.instance.clone(),
        batch: usize::try_from(outbox.batch)?,
        lease: outbox.lease,
        poll: outbox.poll,
        // To connect may take as long as to append.
        publish_timeout: settings.redis.response_timeout * 2,
        retry_min: outbox.retry_min,
        retry_max: outbox.retry_max,
        park_after: i16::try_from(outbox.park_after)?,
        whole_pass_share: WHOLE_PASS_SHARE,
        whole_pass_every: WHOLE_PASS_EVERY,
    };
    Ok(Relay::new(core, settings))
}

/// Works until `shutdown`, finishes the steps under way, gives up the leases.
///
/// # Errors
/// The worker could not be put together.
pub async fn run(
    worker: Worker,
    listener: TcpListener,
    settings: &WorkerSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Worker { core, metrics } = worker;
    let sign = LoopSign::new(core.clock.clone(), settings.heartbeat.stale);
    let background = CancellationToken::new();
    let crew = Crew {
        tasks: TaskTracker::new(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    if settings.outbox.enabled {
        start_publishing(&crew, &core, &sign, settings)?;
    } else {
        tracing::warn!("ENABLE_OUTBOX_POLLER is off: this worker publishes nothing");
        sd::status(&metrics, "idle: ENABLE_OUTBOX_POLLER is off");
    }
    crew.employ(Upkeep {
        core: core.clone(),
        stream_max_len: settings.outbox.stream_max_len,
        published: None,
    });
    crew.employ(Sweep {
        core: core.clone(),
        outbox_retention: settings.outbox.retention,
        idempotency_ttl: settings.withdraw.idempotency_ttl,
        months_kept: settings.statistics.months_kept,
    });
    crew.employ(RollUp::new(core.clone(), settings.database.report_timeout));
    crew.employ(Heartbeat {
        core: core.clone(),
        sign: sign.clone(),
        instance: settings.process.instance.clone(),
        started_at: core.clock.now(),
        publishing: settings.outbox.enabled,
        interval: settings.heartbeat.interval,
    });
    let health = health_of(core.clone(), sign, settings);
    let ops = tokio::spawn(ops::serve(
        listener,
        metrics.clone(),
        health,
        background.clone(),
    ));
    sd::ready(&metrics);
    tracing::info!(instance = settings.process.instance, "working");
    shutdown.cancelled().await;
    sd::stopping(&metrics);
    crew.tasks.close();
    if tokio::time::timeout(settings.process.drain_timeout, crew.tasks.wait())
        .await
        .is_err()
    {
        // What was published but not noted is published again, with the same event ids.
        tracing::warn!("a job did not finish in time");
    }
    background.cancel();
    ops.await?;
    core.db.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The jobs at work, and what each of them needs to run.
struct Crew {
    tasks: TaskTracker,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
}

impl Crew {
    fn employ(&self, job: impl Job) {
        let running = supervisor::run(job, self.metrics.clone(), self.shutdown.clone());
        self.tasks.spawn(running);
    }
}

fn start_publishing(
    crew: &Crew,
    core: &Core,
    sign: &LoopSign,
    settings: &WorkerSettings,
) -> anyhow::Result<()> {
    let wake = Arc::new(Notify::new());
    let listening = jobs::listen(core.kv.clone(), wake.clone());
    let shutdown = crew.shutdown.clone();
    crew.tasks.spawn(async move {
        shutdown.run_until_cancelled(listening).await;
    });
    crew.employ(Publish {
        relay: relay(settings, core.clone())?,
        sign: sign.clone(),
        wake,
        metrics: crew.metrics.clone(),
    });
    Ok(())
}

/// Database, Redis and the loop. A loop that hangs is unhealthy (P-094); one that is switched off
/// is not, and says so.
fn health_of(
    core: Core,
    sign: LoopSign,
    settings: &WorkerSettings,
) -> impl Fn() -> BoxFuture<'static, HealthReport> + Send + Sync + 'static {
    let publishing = settings.outbox.enabled;
    move || {
        let (core, sign) = (core.clone(), sign.clone());
        Box::pin(async move {
            let database = tokio::time::timeout(CHECK_TIMEOUT, core.db.ping());
            let redis = tokio::time::timeout(CHECK_TIMEOUT, core.kv.ping());
            let (database, redis) = tokio::join!(database, redis);
            let state = |well: bool| {
                if well {
                    CheckState::Ok
                } else {
                    CheckState::Unhealthy
                }
            };
            let looping = if publishing {
                sign.health()
            } else {
                CheckState::Disabled
            };
            HealthReport::new(SERVICE)
                .with("database", state(matches!(database, Ok(Ok(())))))
                .with("redis", state(matches!(redis, Ok(Ok(())))))
                .with("outbox", looping)
        })
    }
}
