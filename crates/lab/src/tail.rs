//! `tail`: the stream of domain events as it grows.

use std::time::Duration;

use agent_kv::keys::STREAM;
use anyhow::Context as _;
use redis::{
    AsyncConnectionConfig, Client, RedisError, RedisResult,
    aio::MultiplexedConnection,
    streams::{StreamId, StreamRangeReply, StreamReadReply},
};
use secrecy::ExposeSecret as _;

use crate::{context::Lab, out};

/// How long Redis keeps a read waiting for new events.
const BLOCK_MS: usize = 5_000;
/// Longer than `BLOCK_MS`. The library's 500 ms would end every quiet read with an error, and no
/// limit at all would never notice a connection that went dead.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_secs(1);
const BATCH: usize = 100;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Begin with the oldest event that the stream still holds.
    #[arg(long)]
    from_start: bool,
    /// End after so many events.
    #[arg(long)]
    count: Option<u64>,
}

pub(crate) async fn run(lab: &Lab, args: &Args) -> anyhow::Result<()> {
    // The error of the library may quote the URL, and with it a password.
    let url = lab.settings.redis.url.expose_secret();
    let client = Client::open(url).map_err(|_| anyhow::anyhow!("the Redis URL is not valid"))?;
    let mut connection = connect(&client).await.context("cannot connect to Redis")?;
    let mut last = match args.from_start {
        true => "0-0".to_owned(),
        false => newest(&mut connection).await?,
    };
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        match read(&mut connection, &last, left).await {
            Ok(events) => {
                for event in events {
                    if !print(&event) {
                        return Ok(());
                    }
                    last = event.id;
                    left -= 1;
                }
            }
            Err(error) if !is_away(&error) => return Err(error.into()),
            Err(error) => {
                eprintln!("Redis is away ({}); trying again", error.category());
                connection = reconnect(&client).await;
            }
        }
    }
    Ok(())
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

async fn reconnect(client: &Client) -> MultiplexedConnection {
    loop {
        tokio::time::sleep(PAUSE).await;
        if let Ok(connection) = connect(client).await {
            return connection;
        }
    }
}

/// The id to read after. Not `$`: an event that comes between two reads would be lost.
async fn newest(connection: &mut MultiplexedConnection) -> anyhow::Result<String> {
    let mut range = redis::cmd("XREVRANGE");
    range.arg(STREAM).arg("+").arg("-").arg("COUNT").arg(1);
    let reply: StreamRangeReply = range.query_async(connection).await?;
    let newest = reply.ids.into_iter().next();
    Ok(newest.map_or_else(|| "0-0".to_owned(), |event| event.id))
}

async fn read(
    connection: &mut MultiplexedConnection,
    after: &str,
    most: u64,
) -> RedisResult<Vec<StreamId>> {
    let most = usize::try_from(most).unwrap_or(BATCH).min(BATCH);
    let mut read = redis::cmd("XREAD");
    read.arg("COUNT").arg(most).arg("BLOCK").arg(BLOCK_MS);
    read.arg("STREAMS").arg(STREAM).arg(after);
    let reply: Option<StreamReadReply> = read.query_async(connection).await?;
    let keys = reply.map(|reply| reply.keys).unwrap_or_default();
    Ok(keys.into_iter().flat_map(|key| key.ids).collect())
}

/// False when nobody reads on.
fn print(event: &StreamId) -> bool {
    let field = |name: &str| event.get::<String>(name).unwrap_or_else(|| "?".to_owned());
    out::line(format_args!(
        "{} {} {} {}:{} brand {} v{} {}\n    {}",
        field("occurred_at"),
        event.id,
        field("event_type"),
        field("aggregate_type"),
        field("aggregate_id"),
        field("brand_id"),
        field("schema_version"),
        field("event_id"),
        field("payload"),
    ))
}

/// What a failed read means: a broken connection is made again, a refusal stays one.
fn is_away(error: &RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error()
}
