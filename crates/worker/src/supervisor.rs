//! Runs a job's steps again and again, whatever happens to one of them.

use std::{future::Future, sync::Arc, time::Duration};

use agent_telemetry::Metrics;
use tokio_util::sync::CancellationToken;

/// Pause after a first failure; doubles up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause after failures: how late a job may notice that its dependency is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When the next step is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// At once: there is more to do.
    Now,
    /// After the job's pause, or earlier when it is woken.
    AfterPause,
}

/// Something the worker does over and over.
pub trait Job: Send + 'static {
    /// Names it in logs and metrics.
    fn name(&self) -> &'static str;

    /// One bounded piece of work.
    fn step(&mut self) -> impl Future<Output = anyhow::Result<Next>> + Send;

    /// Waits until the next step is due.
    fn pause(&mut self) -> impl Future<Output = ()> + Send;

    /// Waits after a failure.
    fn rest(&mut self, pause: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(pause)
    }

    /// The last act, after the last step.
    fn stop(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send {
        async { Ok(()) }
    }
}

/// Runs a job until `shutdown`, finishing the step that is under way. A failing step is repeated
/// after a growing pause; a panicking one too, because the job's state survives it.
pub async fn run(mut job: impl Job, metrics: Arc<Metrics>, shutdown: CancellationToken) {
    let name = job.name();
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let pause = match step(&mut job).await {
            Ok(next) => {
                succeeded(&metrics, name);
                failures = 0;
                (next == Next::AfterPause).then_some(None)
            }
            Err(error) => {
                metrics
                    .job_runs_total
                    .with_label_values(&[name, "failure"])
                    .inc();
                if failures == 0 {
                    tracing::warn!(
                        job = name,
                        error = format!("{error:#}"),
                        "job failed; it goes on trying"
                    );
                }
                failures += 1;
                Some(Some(pause_after(failures)))
            }
        };
        let waiting = async {
            match pause {
                None => {}
                Some(None) => job.pause().await,
                Some(Some(pause)) => job.rest(pause).await,
            }
        };
        tokio::select! {
            () = waiting => {}
            () = shutdown.cancelled() => {}
        }
    }
    if let Err(error) = job.stop().await {
        metrics
            .tolerated_errors_total
            .with_label_values(&["job_stop"])
            .inc();
        tracing::warn!(
            job = name,
            error = format!("{error:#}"),
            "job did not stop cleanly"
        );
    }
}

async fn step(job: &mut impl Job) -> anyhow::Result<Next> {
    use futures_util::FutureExt as _;
    let stepping = std::panic::AssertUnwindSafe(job.step());
    stepping
        .catch_unwind()
        .await
        .unwrap_or_else(|_| Err(anyhow::anyhow!("the step panicked")))
}

fn succeeded(metrics: &Metrics, name: &'static str) {
    metrics
        .job_runs_total
        .with_label_values(&[name, "success"])
        .inc();
}

fn pause_after(failures: u32) -> Duration {
    SHORTEST_PAUSE
        .saturating_mul(1 << (failures - 1).min(10))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    struct Fragile {
        steps: Arc<AtomicU32>,
        stopped: Arc<AtomicU32>,
    }

    impl Job for Fragile {
        fn name(&self) -> &'static str {
            "fragile"
        }

        async fn step(&mut self) -> anyhow::Result<Next> {
            match self.steps.fetch_add(1, Ordering::Relaxed) {
                0 => panic!("first step"),
                1 => anyhow::bail!("second step"),
                _ => Ok(Next::AfterPause),
            }
        }

        async fn pause(&mut self) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }

        async fn stop(&mut self) -> anyhow::Result<()> {
            self.stopped.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_panic_and_an_error_do_not_end_a_job() {
        let (steps, stopped) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let job = Fragile {
            steps: steps.clone(),
            stopped: stopped.clone(),
        };
        let shutdown = CancellationToken::new();
        let metrics = Metrics::new("agent_worker");
        let running = tokio::spawn(run(job, metrics.clone(), shutdown.clone()));
        while steps.load(Ordering::Relaxed) < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        shutdown.cancel();
        running.await.unwrap();
        assert_eq!(stopped.load(Ordering::Relaxed), 1);
        let failed = metrics
            .job_runs_total
            .with_label_values(&["fragile", "failure"])
            .get();
        assert_eq!(failed, 2);
    }

    #[test]
    fn pauses_grow_to_a_bound() {
        assert_eq!(pause_after(1), SHORTEST_PAUSE);
        assert_eq!(pause_after(2), SHORTEST_PAUSE * 2);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
