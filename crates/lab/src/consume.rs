//! `consume`: the smallest consumer that does all that a consumer has to: a group of its
//! own, repeats dropped by `event_id`, entries of a dead consumer taken over, a stream that was lost
//! read anew.
//!
//! It remembers what it handled in Redis, for the sake of being small. A real consumer keeps the
//! `event_id` where the effect of the event is, in the same transaction: then an event that was
//! handled but not acknowledged has no second effect, and a flush of Redis forgets nothing.

use std::time::Duration;

use agent_kv::keys::STREAM;
use anyhow::Context as _;
use redis::{
    AsyncConnectionConfig, Client, RedisResult,
    aio::MultiplexedConnection,
    streams::{StreamAutoClaimReply, StreamId, StreamReadReply},
};
use secrecy::ExposeSecret as _;

use crate::{context::Lab, out};

/// How long Redis keeps a read waiting for new events.
const BLOCK_MS: usize = 2_000;
/// Longer than `BLOCK_MS`.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const BATCH: usize = 100;
/// Longer than events are kept to be published again.
const REMEMBER_SECONDS: u64 = 8 * 86_400;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The group: each reads the whole stream once.
    #[arg(long)]
    group: String,
    /// This consumer: those of a group share its events.
    #[arg(long, default_value = "one")]
    consumer: String,
    /// End after so many events, repeats not counted.
    #[arg(long)]
    count: Option<u64>,
    /// Take over what another consumer of the group was given and did not acknowledge for so long.
    #[arg(long, default_value_t = 30_000)]
    claim_after_ms: u64,
}

struct Consumer<'a> {
    args: &'a Args,
    connection: MultiplexedConnection,
}

pub(crate) async fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    // The error of the library may quote the URL, and with it a password.
    let client = Client::open(lab.settings.redis.url.expose_secret())
        .map_err(|_| anyhow::anyhow!("the Redis URL is not valid"))?;
    let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
    let connection = client.get_multiplexed_async_connection_with_config(&config);
    let connection = connection.await.context("cannot connect to Redis")?;
    let mut consumer = Consumer { args, connection };
    consumer.join_group().await?;
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let mut entries = consumer.claimed().await?;
        if entries.is_empty() {
            entries = consumer.read().await?;
        }
        for entry in entries {
            if left > 0 && consumer.handle(&entry).await? {
                left -= 1;
            }
        }
    }
    Ok(())
}

impl Consumer<'_> {
    /// From the oldest entry on, where the group is new. It is new again after Redis lost the stream.
    async fn join_group(&mut self) -> anyhow::Result<()> {
        let mut create = redis::cmd("XGROUP");
        create.arg("CREATE").arg(STREAM).arg(&self.args.group);
        create.arg("0").arg("MKSTREAM");
        match create.exec_async(&mut self.connection).await {
            Err(error) if error.code() != Some("BUSYGROUP") => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// What a consumer was given that died before it acknowledged it; this one itself, perhaps.
    async fn claimed(&mut self) -> anyhow::Result<Vec<StreamId>> {
        let mut claim = redis::cmd("XAUTOCLAIM");
        claim
            .arg(STREAM)
            .arg(&self.args.group)
            .arg(&self.args.consumer);
        claim.arg(self.args.claim_after_ms).arg("0-0");
        claim.arg("COUNT").arg(BATCH);
        let reply = claim.query_async(&mut self.connection).await;
        let reply: Option<StreamAutoClaimReply> = self.unless_lost(reply).await?;
        Ok(reply.map(|reply| reply.claimed).unwrap_or_default())
    }

    async fn read(&mut self) -> anyhow::Result<Vec<StreamId>> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg("GROUP")
            .arg(&self.args.group)
            .arg(&self.args.consumer);
        read.arg("COUNT").arg(BATCH).arg("BLOCK").arg(BLOCK_MS);
        read.arg("STREAMS").arg(STREAM).arg(">");
        let reply = read.query_async(&mut self.connection).await;
        let reply: Option<Option<StreamReadReply>> = self.unless_lost(reply).await?;
        let keys = reply.flatten().map(|reply| reply.keys).unwrap_or_default();
        Ok(keys.into_iter().flat_map(|key| key.ids).collect())
    }

    /// A group goes with its stream.
    async fn unless_lost<T>(&mut self, reply: RedisResult<T>) -> anyhow::Result<Option<T>> {
        match reply {
            Err(error) if error.code() == Some("NOGROUP") => {
                self.join_group().await?;
                Ok(None)
            }
            reply => Ok(Some(reply?)),
        }
    }

    /// Handles an entry, unless it is a repeat, and acknowledges it; tells whether it was new.
    async fn handle(&mut self, entry: &StreamId) -> anyhow::Result<bool> {
        let field = |name: &str| entry.get::<String>(name).unwrap_or_default();
        let event = field("event_id");
        let name = format!("agent-lab:seen:{}:{event}", self.args.group);
        let known: bool = redis::cmd("EXISTS")
            .arg(&name)
            .query_async(&mut self.connection)
            .await?;
        if !known {
            out::line(format_args!(
                "{event} {} {}:{}",
                field("event_type"),
                field("aggregate_type"),
                field("aggregate_id")
            ));
        }
        // First the effect, then the memory of it, then the acknowledgement: whatever happens in
        // between, nothing is lost.
        redis::cmd("SET")
            .arg(name)
            .arg("1")
            .arg("EX")
            .arg(REMEMBER_SECONDS)
            .exec_async(&mut self.connection)
            .await?;
        redis::cmd("XACK")
            .arg(STREAM)
            .arg(&self.args.group)
            .arg(&entry.id)
            .exec_async(&mut self.connection)
            .await?;
        Ok(!known)
    }
}
