//! From the commit of an event to its place in the stream.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use agent_kv::{
    Kv, KvSettings,
    keys::{Channel, STREAM},
};
use agent_services::wake::WakeSignal;
use agent_telemetry::Metrics;
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use redis::streams::StreamReadReply;
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{
    sync::mpsc,
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{
    Extent, bare,
    stage::{self, Stage},
};
use crate::{
    bench::figure::{Figure, Pairs, Target, median},
    out::say,
};

const NAME: &str = "relay-latency";

/// Events in a second.
const RATE: u32 = 50;
const WARM_UP: usize = 50;
/// More than a run has.
const EVENTS_ON_THE_WAY: usize = 1 << 16;

/// Milliseconds of one turn.
struct Turn {
    p50: f64,
    p99: f64,
}

pub(in crate::bench) async fn run(extent: Extent) -> anyhow::Result<Vec<Figure>> {
    let mut stage = Stage::set().await?;
    let events = usize::try_from(extent.seconds * RATE)? + WARM_UP;
    let (mut p50, mut p99) = (Pairs::default(), Pairs::default());
    for pair in 1..=extent.pairs {
        stage.fill(1_000).await?;
        let bare = bare_loop(&stage).await?;
        let base = measure(&stage, events).await;
        bare.abort();
        let base = base?;
        let worker = stage.worker("bench-latency")?;
        // It empties what was left, and listens from then on.
        sleep(Duration::from_secs(3)).await;
        let product = measure(&stage, events).await?;
        drop(worker);
        say!("  pair {pair}: {:.2}  {:.2} ms", base.p50, product.p50);
        p50.baseline.push(base.p50);
        p50.product.push(product.p50);
        p99.baseline.push(base.p99);
        p99.product.push(product.p99);
    }
    let what = format!("{RATE} events/s, commit to stream, half of them within");
    let most = Target::AtMost;
    Ok(vec![
        Figure::of_pairs(NAME, what, "ms", &p50, Target::RatioAtMost(1.3)),
        Figure::plain(
            NAME,
            "the same, in short",
            "ms",
            median(&p50.product),
            most(1.0),
        ),
        Figure::of_pairs(NAME, "99 of 100 within", "ms", &p99, most(4.0)),
    ])
}

/// Signal, read, append: no more than that.
async fn bare_loop(stage: &Stage) -> anyhow::Result<JoinHandle<anyhow::Result<()>>> {
    let client = redis::Client::open(stage.servers.redis_url.as_str())?;
    let mut signals = client.get_async_pubsub().await?;
    signals.subscribe(Channel::OutboxWake.name()).await?;
    let pool = PgPoolOptions::new().max_connections(1);
    let pool = pool.connect(&stage.servers.database).await?;
    let mut redis = stage::connect(&stage.servers.redis_url).await?;
    let mut after: (DateTime<Utc>, i64) = sqlx::query_as(
        "SELECT occurred_at, id FROM agent_outbox ORDER BY occurred_at DESC, id DESC LIMIT 1",
    )
    .fetch_one(&pool)
    .await?;
    Ok(tokio::spawn(async move {
        let mut signals = signals.into_on_message();
        while signals.next().await.is_some() {
            after = bare::advance(&pool, &mut redis, after).await?;
        }
        Ok(())
    }))
}

/// Commits events at a fixed rate, whether or not the ones before have arrived.
async fn measure(stage: &Stage, events: usize) -> anyhow::Result<Turn> {
    let (wake, stop) = (WakeSignal::default(), CancellationToken::new());
    let signalling = tokio::spawn(signals(stage, &wake, &stop)?);
    let (sender, mut arrivals) = mpsc::channel(EVENTS_ON_THE_WAY);
    let reading = tokio::spawn(read_stream(stage.servers.redis_url.clone(), sender));
    sleep(Duration::from_millis(200)).await;
    let mut committed = HashMap::new();
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0..events {
        ticks.tick().await;
        let event = append(&stage.owner, number).await?;
        committed.insert(event, (number, Instant::now()));
        wake.signal();
    }
    let mut latencies = Vec::new();
    let mut waiting = committed.len();
    while waiting > 0 {
        let next = tokio::time::timeout(Duration::from_secs(20), arrivals.recv()).await;
        let (event, at): (String, Instant) = next
            .context("an event did not arrive")?
            .context("no stream")?;
        let Some((number, then)) = committed.remove(&event) else {
            continue;
        };
        waiting -= 1;
        if number >= WARM_UP {
            latencies.push(at.saturating_duration_since(then).as_secs_f64() * 1e3);
        }
    }
    stop.cancel();
    reading.abort();
    signalling.await?;
    latencies.sort_by(f64::total_cmp);
    let at = |percent: usize| latencies[(latencies.len() - 1) * percent / 100];
    Ok(Turn {
        p50: at(50),
        p99: at(99),
    })
}

/// Sends the signals of a process to whoever listens, until it is stopped.
pub(super) fn signals(
    stage: &Stage,
    wake: &WakeSignal,
    stop: &CancellationToken,
) -> anyhow::Result<impl Future<Output = ()> + Send + 'static + use<>> {
    let kv = Kv::open(KvSettings {
        url: stage.servers.redis_url.clone(),
        channel_prefix: String::new(),
        response_timeout: Duration::from_secs(1),
    })?;
    Ok(wake
        .clone()
        .publish_loop(kv, Metrics::new("agent_lab"), stop.clone()))
}

/// Commits one event; gives its id.
pub(super) async fn append(pool: &PgPool, number: usize) -> anyhow::Result<String> {
    Ok(sqlx::query_scalar(
        "WITH place AS (SELECT hashtextextended('agent_withdraw:' || $1, 0) AS hash), event AS ( \
           INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id, \
                                     brand_id, schema_version, payload) \
           SELECT clock_timestamp(), gen_random_uuid(), (hash & 15)::smallint, 'agent.withdraw.created', \
                  'agent_withdraw', $1, 1, 2, jsonb_build_object('brand_id', 1, 'note', repeat('x', 200)) \
           FROM place RETURNING shard, id, occurred_at, event_id), pending AS ( \
           INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
           SELECT event.shard, event.id, event.occurred_at, place.hash FROM event, place) \
         SELECT event_id::text FROM event",
    )
    .bind(number.to_string())
    .fetch_one(pool)
    .await?)
}

/// Tells when each event arrived, as a waiting consumer sees it.
async fn read_stream(url: String, arrivals: mpsc::Sender<(String, Instant)>) -> anyhow::Result<()> {
    let mut redis = stage::connect(&url).await?;
    let mut last = "$".to_owned();
    loop {
        let mut read = redis::cmd("XREAD");
        read.arg("BLOCK")
            .arg(5_000)
            .arg("STREAMS")
            .arg(STREAM)
            .arg(&last);
        let reply: Option<StreamReadReply> = read.query_async(&mut redis).await?;
        let at = Instant::now();
        for entry in reply
            .into_iter()
            .flat_map(|reply| reply.keys)
            .flat_map(|key| key.ids)
        {
            let event = entry.get::<String>("event_id").context("no event_id")?;
            arrivals.send((event, at)).await?;
            last = entry.id;
        }
    }
}
