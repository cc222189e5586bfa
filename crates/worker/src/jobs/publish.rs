//! Publishes the outbox (P-090).

use std::{sync::Arc, time::Duration};

use agent_kv::{Channel, Kv, Signal};
use agent_services::outbox_relay::{Relay, Step};
use agent_telemetry::Metrics;
use tokio::sync::mpsc;

use super::LoopSign;
use crate::supervisor::{Job, Next};

/// The relay, woken by signals and, as the safety net, by its poll.
pub struct Publish {
    relay: Relay,
    poll: Duration,
    sign: LoopSign,
    signals: mpsc::Receiver<Signal>,
    metrics: Arc<Metrics>,
}

impl Publish {
    /// `signals` come from [`listen`].
    #[must_use]
    pub fn new(
        relay: Relay,
        poll: Duration,
        sign: LoopSign,
        signals: mpsc::Receiver<Signal>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            relay,
            poll,
            sign,
            signals,
            metrics,
        }
    }

    /// Subscribes to the wake signal; the future ends when the receiver is gone.
    pub fn listen(kv: Kv) -> (impl Future<Output = ()> + Send, mpsc::Receiver<Signal>) {
        // Signals say only "look": one waiting is as good as many.
        let (sender, receiver) = mpsc::channel(16);
        let listening = async move { kv.subscribe(&[Channel::OutboxWake], sender).await };
        (listening, receiver)
    }

    fn count_wake(&self, source: &str) {
        self.metrics
            .outbox_wake_signals_total
            .with_label_values(&[source])
            .inc();
    }
}

impl Job for Publish {
    fn name(&self) -> &'static str {
        "outbox"
    }

    async fn step(&mut self) -> anyhow::Result<Next> {
        let outcome = self.relay.step().await;
        // The loop came round, also when a dependency is away: that is not what hangs mean.
        self.sign.came_round(self.relay.shards_held());
        match outcome? {
            Step::Published(_) => Ok(Next::Now),
            Step::Idle => Ok(Next::AfterPause),
        }
    }

    async fn pause(&mut self) {
        let poll = tokio::time::sleep(self.poll);
        tokio::pin!(poll);
        loop {
            tokio::select! {
                () = &mut poll => return self.count_wake("poll"),
                signal = self.signals.recv() => match signal {
                    Some(Signal::Disconnected) => {}
                    Some(Signal::Connected | Signal::Message { .. }) => return self.count_wake("signal"),
                    None => return poll.await,
                },
            }
        }
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        Ok(self.relay.release().await?)
    }
}
