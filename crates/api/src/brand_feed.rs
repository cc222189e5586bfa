//! Keeps the brand caches true: follows `AGENT_BRAND_CHANGED` (P-169, Q-11, Q-98).

use agent_brand::{BrandGuard, FlushReason};
use agent_kv::{Channel, Kv, Signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// More messages than this wait only while the caches are slower than Redis.
const QUEUE: usize = 256;

/// Applies changes until `shutdown`. Losing the subscription never stops the API: entries live at
/// most a minute, and everything is flushed when the subscription stands again, because what was
/// sent in between is lost.
pub async fn follow(kv: Kv, guard: BrandGuard, shutdown: CancellationToken) {
    let (signals, mut inbox) = mpsc::channel(QUEUE);
    let channels = [Channel::BrandChanged];
    let listening = kv.subscribe(&channels, signals);
    let applying = async {
        while let Some(signal) = inbox.recv().await {
            match signal {
                Signal::Connected => guard.flush(FlushReason::Subscribed),
                Signal::Message { payload, .. } => guard.apply_change_message(&payload),
                Signal::Disconnected => {}
            }
        }
    };
    tokio::select! {
        () = listening => {}
        () = applying => {}
        () = shutdown.cancelled() => {}
    }
}
