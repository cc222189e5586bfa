//! Signals between processes: changed brands, new outbox rows.

use std::{future::Future, time::Duration};

use futures_util::StreamExt;
use redis::{
    Msg, RedisResult,
    aio::{PubSubSink, PubSubStream},
};
use tokio::{
    sync::mpsc::Sender,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{Kv, KvError, backoff, keys::Channel};

/// How often a silent connection is asked for a sign of life: one that a firewall forgot would
/// else look quiet for hours.
const PING_EVERY: Duration = Duration::from_secs(5);

/// What a subscriber hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Signals arrive from now on. What was sent before is lost.
    Connected,
    Message {
        channel: Channel,
        payload: String,
    },
    /// Signals are being lost until the next `Connected`.
    Disconnected,
}

impl Kv {
    /// Sends a signal to whoever listens, and gives how many do.
    ///
    /// # Errors
    /// Redis is away or refused; the signal may have been sent.
    pub async fn publish(&self, channel: Channel, payload: &str) -> Result<u64, KvError> {
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(self.prefixed(channel)).arg(payload);
        self.query(&publish).await
    }

    /// Listens on a connection of its own, and subscribes again whenever it broke, until the
    /// receiver is dropped. Begins with `Connected`, or with `Disconnected` when Redis is away.
    pub async fn subscribe(&self, channels: &[Channel], signals: Sender<Signal>) {
        let mut failures = 0;
        let mut told = false;
        while !signals.is_closed() {
            let mut connected = false;
            let error = tokio::select! {
                error = self.listen(channels, &signals, &mut connected) => error,
                () = signals.closed() => return,
            };
            if connected || !told {
                tracing::warn!(%error, "signals are lost until Redis is back");
                told = true;
                if signals.send(Signal::Disconnected).await.is_err() {
                    return;
                }
            }
            // A connection that stood makes the count begin anew, but at two: one that breaks
            // each time must not be made without a pause.
            failures = if connected { 2 } else { failures + 1 };
            tokio::select! {
                () = sleep(backoff::pause(failures.max(2))) => {}
                () = signals.closed() => return,
            }
        }
    }

    /// One connection's life; gives what ended it.
    async fn listen(
        &self,
        channels: &[Channel],
        signals: &Sender<Signal>,
        connected: &mut bool,
    ) -> KvError {
        let (mut sink, mut stream) = match self.connect(channels).await {
            Ok(connection) => connection,
            Err(error) => return error,
        };
        *connected = true;
        if signals.send(Signal::Connected).await.is_err() {
            return closed();
        }
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                message = stream.next() => {
                    let Some(message) = message else { return closed() };
                    let Some(signal) = self.signal(&message) else { continue };
                    if signals.send(signal).await.is_err() {
                        return closed();
                    }
                }
                _ = ping.tick() => {
                    if let Err(error) = self.in_time(sink.ping::<()>()).await {
                        return error;
                    }
                }
            }
        }
    }

    async fn connect(&self, channels: &[Channel]) -> Result<(PubSubSink, PubSubStream), KvError> {
        let names: Vec<_> = channels.iter().map(|c| self.prefixed(*c)).collect();
        let pubsub = self.in_time(self.inner.listener.get_async_pubsub()).await?;
        let (mut sink, stream) = pubsub.split();
        self.in_time(sink.subscribe(names)).await?;
        Ok((sink, stream))
    }

    /// Listening connections have no time limits of their own.
    async fn in_time<T>(&self, step: impl Future<Output = RedisResult<T>>) -> Result<T, KvError> {
        match timeout(self.inner.response_timeout, step).await {
            Ok(outcome) => outcome.map_err(|error| KvError::connecting(&error)),
            Err(_) => Err(KvError::Timeout),
        }
    }

    fn prefixed(&self, channel: Channel) -> String {
        format!("{}{}", self.inner.channel_prefix, channel.name())
    }

    fn signal(&self, message: &Msg) -> Option<Signal> {
        let name = message.get_channel_name();
        let channel = Channel::of_name(name.strip_prefix(&self.inner.channel_prefix)?)?;
        let payload = String::from_utf8_lossy(message.get_payload_bytes()).into_owned();
        Some(Signal::Message { channel, payload })
    }
}

fn closed() -> KvError {
    KvError::Connection("closed".to_owned())
}
