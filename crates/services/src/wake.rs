//! The signal that tells the relay about a commit, without delaying the commit.

use std::{sync::Arc, time::Duration};

use agent_kv::{Kv, keys};
use agent_telemetry::Metrics;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// At most one signal goes out in this time; commits in between share it.
const COALESCE: Duration = Duration::from_millis(2);

/// Cheap to clone; signalling never waits and never fails.
#[derive(Clone, Debug, Default)]
pub struct WakeSignal {
    committed: Arc<Notify>,
}

impl WakeSignal {
    /// Notes that events were committed.
    pub fn signal(&self) {
        self.committed.notify_one();
    }

    /// Publishes signals until `shutdown`. A lost signal costs the relay at most its poll
    /// interval, so failures are only counted.
    pub async fn publish_loop(self, kv: Kv, metrics: Arc<Metrics>, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = self.committed.notified() => publish(&kv, &metrics).await,
                () = shutdown.cancelled() => return,
            }
            tokio::time::sleep(COALESCE).await;
        }
    }
}

/// Sends one signal now: for commands that end right after their commit.
pub async fn publish(kv: &Kv, metrics: &Metrics) {
    if let Err(error) = kv.publish(keys::Channel::OutboxWake, "").await {
        metrics
            .tolerated_errors_total
            .with_label_values(&["outbox_wake"])
            .inc();
        tracing::debug!(%error, "wake signal not sent; the relay's poll will find the events");
    }
}
