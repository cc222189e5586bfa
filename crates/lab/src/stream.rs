//! The stream of domain events, read as it grows.

use std::time::Duration;

use agent_kv::keys::STREAM;
use anyhow::Context as _;
use redis::{
    AsyncConnectionConfig, Client, RedisError, RedisResult,
    aio::MultiplexedConnection,
    streams::{StreamId, StreamRangeReply, StreamReadReply},
};
use secrecy::ExposeSecret as _;

use crate::context::Lab;

/// How long Redis keeps a read waiting for new events.
const BLOCK_MS: usize = 5_000;
/// Longer than `BLOCK_MS`. The library's 500 ms would end every quiet read with an error, and no
/// limit at all would never notice a connection that went dead.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);
const BATCH: usize = 100;

/// A place in the stream.
pub(crate) struct Stream {
    client: Client,
    connection: MultiplexedConnection,
    /// The event that was read last.
    last: String,
}

impl Stream {
    /// Before the oldest event that the stream still holds.
    pub(crate) async fn from_start(lab: &Lab) -> anyhow::Result<Self> {
        // The error of the library may quote the URL, and with it a password.
        let url = lab.settings.redis.url.expose_secret();
        let client =
            Client::open(url).map_err(|_| anyhow::anyhow!("the Redis URL is not valid"))?;
        let connection = connect(&client).await.context("cannot connect to Redis")?;
        Ok(Self {
            client,
            connection,
            last: "0-0".to_owned(),
        })
    }

    /// After the newest event. Not `$`: an event that comes between two reads would be lost.
    pub(crate) async fn from_now(lab: &Lab) -> anyhow::Result<Self> {
        let mut stream = Self::from_start(lab).await?;
        let mut range = redis::cmd("XREVRANGE");
        range.arg(STREAM).arg("+").arg("-").arg("COUNT").arg(1);
        let reply: StreamRangeReply = range.query_async(&mut stream.connection).await?;
        if let Some(newest) = reply.ids.into_iter().next() {
            stream.last = newest.id;
        }
        Ok(stream)
    }

    /// The events that follow, at most so many; none when it was quiet for a while. A connection
    /// that breaks is made again.
    pub(crate) async fn next(&mut self, most: u64) -> anyhow::Result<Vec<StreamId>> {
        loop {
            match self.read(most).await {
                Ok(events) => {
                    if let Some(newest) = events.last() {
                        self.last.clone_from(&newest.id);
                    }
                    return Ok(events);
                }
                Err(error) if !is_away(&error) => return Err(error.into()),
                Err(error) => {
                    eprintln!("Redis is away ({}); trying again", error.category());
                    self.reconnect().await;
                }
            }
        }
    }

    async fn read(&mut self, most: u64) -> RedisResult<Vec<StreamId>> {
        let most = usize::try_from(most).unwrap_or(BATCH).min(BATCH);
        let mut read = redis::cmd("XREAD");
        read.arg("COUNT").arg(most).arg("BLOCK").arg(BLOCK_MS);
        read.arg("STREAMS").arg(STREAM).arg(&self.last);
        let reply: Option<StreamReadReply> = read.query_async(&mut self.connection).await?;
        let keys = reply.map(|reply| reply.keys).unwrap_or_default();
        Ok(keys.into_iter().flat_map(|key| key.ids).collect())
    }

    async fn reconnect(&mut self) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Ok(connection) = connect(&self.client).await {
                self.connection = connection;
                return;
            }
        }
    }
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// What a failed read means: a broken connection is made again, a refusal stays one.
fn is_away(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error()
}
