//! Outbox rows written with the owner's rights, relays with short times, and what the stream shows.

use std::{
    collections::{BTreeMap, HashMap},
    time::{Duration, Instant},
};

use agent_services::outbox_relay::{Relay, RelaySettings, Step};
use agent_testkit::{TestApp, probe};
use sqlx::PgExecutor;

/// Nothing that is waited for takes longer on a machine that works.
const DEADLINE: Duration = Duration::from_secs(30);

/// An entry of the stream.
pub(crate) type Entry = HashMap<String, String>;

/// Writes event number `n` of an aggregate; gives its id.
pub(crate) async fn append<'e>(executor: impl PgExecutor<'e>, aggregate: &str, n: i64) -> i64 {
    let payload = format!(r#"{{"brand_id": 1, "n": {n}}}"#);
    append_payload(executor, aggregate, &payload).await
}

/// Writes an event with any payload, also one that the product never writes.
pub(crate) async fn append_payload<'e>(
    executor: impl PgExecutor<'e>,
    aggregate: &str,
    payload: &str,
) -> i64 {
    sqlx::query_scalar(
        "WITH place AS (SELECT hashtextextended('test:' || $1, 0) AS hash), event AS ( \
           INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id, \
                                     brand_id, schema_version, payload) \
           SELECT clock_timestamp(), gen_random_uuid(), (hash & 15)::smallint, 'test.happened', 'test', $1, 1, 2, \
                  $2::jsonb FROM place RETURNING shard, id, occurred_at) \
         INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
         SELECT event.shard, event.id, event.occurred_at, place.hash FROM event, place RETURNING id",
    )
    .bind(aggregate)
    .bind(payload)
    .fetch_one(executor)
    .await
    .unwrap()
}

/// Writes `rows` events in one go, spread evenly over `aggregates` called `a0`, `a1`, …
pub(crate) async fn append_many(app: &TestApp, aggregates: i64, rows: i64) {
    sqlx::query(
        "WITH place AS ( \
           SELECT n, 'a' || n % $1 AS aggregate, hashtextextended('test:a' || n % $1, 0) AS hash \
           FROM generate_series(0, $2 - 1) n), event AS ( \
           INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id, \
                                     brand_id, schema_version, payload) \
           SELECT now(), gen_random_uuid(), (hash & 15)::smallint, 'test.happened', 'test', aggregate, 1, 2, \
                  jsonb_build_object('brand_id', 1, 'n', n) FROM place ORDER BY n \
           RETURNING shard, id, occurred_at, aggregate_id) \
         INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
         SELECT shard, id, occurred_at, hashtextextended('test:' || aggregate_id, 0) FROM event",
    )
    .bind(aggregates)
    .bind(rows)
    .execute(&app.owner)
    .await
    .unwrap();
}

/// Short times, so that tests need not wait; leases still outlast a busy machine's hiccups.
pub(crate) fn settings(instance: &str) -> RelaySettings {
    RelaySettings {
        instance: instance.to_owned(),
        batch: 100,
        lease: Duration::from_millis(600),
        poll: Duration::from_millis(20),
        publish_timeout: Duration::from_millis(100),
        retry_min: Duration::from_millis(1),
        retry_max: Duration::from_millis(5),
        park_after: 10,
        whole_pass_share: 20,
        whole_pass_every: Duration::from_secs(30),
    }
}

pub(crate) fn relay(app: &TestApp, settings: RelaySettings) -> Relay {
    Relay::new(app.app.core.clone(), settings)
}

/// Steps until nothing is pending but parked rows; gives how many it published. Errors of the
/// relay are the caller's matter.
pub(crate) async fn until_drained(app: &TestApp, relay: &mut Relay) -> usize {
    let started = Instant::now();
    let mut published = 0;
    while waiting(app).await > 0 {
        assert!(started.elapsed() < DEADLINE, "not drained");
        match relay.step().await.unwrap() {
            Step::Published(count) | Step::Emptied(count) => published += count,
            Step::Idle => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
    published
}

/// Rows that are neither published nor parked.
pub(crate) async fn waiting(app: &TestApp) -> i64 {
    app.count("SELECT count(*) FROM agent_outbox_pending WHERE parked_at IS NULL")
        .await
}

/// The stream, of which the test's own events are told by [`number`].
pub(crate) async fn stream(app: &mut TestApp) -> Vec<Entry> {
    probe::stream(&mut app.redis).await
}

pub(crate) fn number(entry: &Entry) -> i64 {
    let payload: serde_json::Value = serde_json::from_str(&entry["payload"]).unwrap();
    payload["n"].as_i64().unwrap()
}

/// The numbers of each aggregate in the order of their first appearance, and how many entries
/// were repetitions. A repetition has to be the same in every field.
pub(crate) fn first_appearances(entries: &[Entry]) -> (BTreeMap<String, Vec<i64>>, usize) {
    let mut seen: HashMap<&str, &Entry> = HashMap::new();
    let mut order: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut repeated = 0;
    for entry in entries {
        if let Some(first) = seen.insert(&entry["event_id"], entry) {
            assert_eq!(first, entry, "an event changed when it was published again");
            repeated += 1;
            continue;
        }
        let numbers = order.entry(entry["aggregate_id"].clone()).or_default();
        numbers.push(number(entry));
    }
    (order, repeated)
}

/// Panics unless exactly the given number of events is there, each aggregate's in their order.
#[track_caller]
pub(crate) fn assert_complete_in_order(entries: &[Entry], rows: usize) -> usize {
    let (order, repeated) = first_appearances(entries);
    for (aggregate, numbers) in &order {
        assert!(
            numbers.is_sorted_by(|a, b| a < b),
            "{aggregate}: {numbers:?}"
        );
    }
    assert_eq!(order.values().map(Vec::len).sum::<usize>(), rows);
    repeated
}

/// From now on the database cannot note what was published; gives the statement that heals it.
pub(crate) async fn noting_fails(app: &TestApp) -> &'static str {
    app.as_owner(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
           $$ BEGIN RAISE EXCEPTION 'disk full' USING ERRCODE = '53100'; END $$; \
         CREATE TRIGGER fails BEFORE DELETE ON agent_outbox_pending FOR EACH STATEMENT EXECUTE FUNCTION fail()",
    )
    .await;
    "DROP TRIGGER fails ON agent_outbox_pending"
}

/// The stream knows a higher epoch of each shard than the database, as after a restore.
pub(crate) async fn raise_epochs(app: &mut TestApp) {
    for shard in 0..16 {
        let () = redis::cmd("HSET")
            .arg("agent_outbox:epochs")
            .arg(shard)
            .arg(1_000)
            .query_async(&mut app.redis)
            .await
            .unwrap();
    }
}
