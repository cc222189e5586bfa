//! Redis: attempt counters, the event stream, change signals and heartbeats.
//!
//! This crate is the only user of the Redis library, and [`keys`] the only place that names a
//! key, a channel or the stream. Redis holds nothing that cannot be lost: the database is the
//! truth, and every caller says what it does while Redis is away.

mod backoff;
mod counter;
mod error;
mod heartbeat;
pub mod keys;
mod link;
mod pubsub;
mod stream;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use redis::{Client, Cmd, FromRedisValue, IntoConnectionInfo, ProtocolVersion};

pub use counter::{Verdict, Window};
pub use error::KvError;
pub use heartbeat::HeartbeatBody;
pub use keys::Channel;
pub use pubsub::Signal;
pub use stream::{AppendError, Appended, Fence, StreamEntry};

use link::Link;

/// How to reach Redis. Has no `Debug`: the URL may hold a password.
pub struct KvSettings {
    /// `redis://[user:password@]host:port/database`, or `rediss://` for TLS.
    pub url: String,
    /// Put before the names of channels, which all databases of a server share: empty in
    /// production, different for each test.
    pub channel_prefix: String,
    /// Longest wait for the answer to one command or one batch. Connecting may take four fifths
    /// of it, so that with 500 ms no call lasts a second.
    pub response_timeout: Duration,
}

/// A handle to Redis. Cloning it is cheap, and all clones share one connection.
#[derive(Clone)]
pub struct Kv {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    /// Opens the connections that only listen; the older protocol is the one made for them.
    listener: Client,
    channel_prefix: String,
    response_timeout: Duration,
}

impl Kv {
    /// Reads the settings. The first command connects, so that a process can start, and say that
    /// it is not healthy, while Redis is away.
    ///
    /// # Errors
    /// [`KvError::Settings`] when the URL cannot be read.
    pub fn open(settings: KvSettings) -> Result<Self, KvError> {
        let KvSettings {
            url,
            channel_prefix,
            response_timeout,
        } = settings;
        Ok(Self {
            inner: Arc::new(Inner {
                // Version 3 of the protocol tells at once when a connection was closed.
                link: Link::new(client(&url, ProtocolVersion::RESP3)?, response_timeout),
                listener: client(&url, ProtocolVersion::RESP2)?,
                channel_prefix,
                response_timeout,
            }),
        })
    }

    /// Asks Redis for a sign of life.
    ///
    /// # Errors
    /// Redis is away, or not ready to serve.
    pub async fn ping(&self) -> Result<(), KvError> {
        self.query(&redis::cmd("PING")).await
    }

    async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, KvError> {
        let mut lease = self.inner.link.lease().await?;
        let answer = command.query_async(&mut lease.connection).await;
        self.inner.link.settle(&lease, answer).await
    }
}

fn client(url: &str, protocol: ProtocolVersion) -> Result<Client, KvError> {
    // The library's error may quote the URL, and with it the password.
    let info = url.into_connection_info().map_err(|_| KvError::Settings)?;
    let tcp = info.tcp_settings().clone().set_nodelay(true);
    let redis = info.redis_settings().clone().set_protocol(protocol);
    Client::open(info.set_tcp_settings(tcp).set_redis_settings(redis))
        .map_err(|_| KvError::Settings)
}
