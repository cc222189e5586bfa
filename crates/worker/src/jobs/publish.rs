//! Publishes the outbox (P-090).

use std::{sync::Arc, time::Duration};

use agent_kv::{Channel, Kv, Signal};
use agent_services::outbox_relay::{Relay, Step};
use agent_telemetry::Metrics;
use tokio::sync::{Notify, mpsc};

use super::LoopSign;
use crate::supervisor::{Job, Next};

/// The relay, woken by signals and, as the safety net, by its poll.
pub struct Publish {
    pub relay: Relay,
    pub sign: LoopSign,
    /// From [`listen`].
    pub wake: Arc<Notify>,
    pub metrics: Arc<Metrics>,
}

/// Turns wake signals into notices, for ever. A signal says only "look", so one that waits is as
/// good as many: those that come in while the relay works are not answered one by one.
pub async fn listen(kv: Kv, wake: Arc<Notify>) {
    let (sender, mut signals) = mpsc::channel(16);
    let channels = [Channel::OutboxWake];
    let noticing = async {
        while let Some(signal) = signals.recv().await {
            // What was sent before `Connected` is lost, so that is a reason to look, too.
            if signal != Signal::Disconnected {
                wake.notify_one();
            }
        }
    };
    tokio::join!(kv.subscribe(&channels, sender), noticing);
}

impl Publish {
    /// Waits, and shows meanwhile that the loop does not hang: it may wait for longer than a sign
    /// is good.
    async fn coming_round<T>(&self, waiting: impl Future<Output = T>) -> T {
        let mut rounds = tokio::time::interval(self.sign.stale() / 3);
        rounds.reset();
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                outcome = &mut waiting => return outcome,
                _ = rounds.tick() => self.sign.came_round(self.relay.shards_held()),
            }
        }
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
        self.sign.did_well(outcome.is_ok());
        match outcome? {
            Step::Published(_) => Ok(Next::Now),
            // What is committed meanwhile sends a signal of its own.
            Step::Emptied(_) | Step::Idle => Ok(Next::AfterPause),
        }
    }

    async fn pause(&mut self) {
        let waiting = async {
            tokio::select! {
                () = tokio::time::sleep(self.relay.pause()) => "poll",
                () = self.wake.notified() => "signal",
            }
        };
        let source = self.coming_round(waiting).await;
        if source == "signal" {
            self.relay.signalled();
        }
        self.metrics
            .outbox_wake_signals_total
            .with_label_values(&[source])
            .inc();
    }

    async fn rest(&mut self, pause: Duration) {
        self.coming_round(tokio::time::sleep(pause)).await;
    }

    async fn stop(&mut self) -> anyhow::Result<()> {
        Ok(self.relay.release().await?)
    }
}
