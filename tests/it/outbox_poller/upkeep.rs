//! Trimming, partitions and sweeps.

use std::time::{Duration, Instant};

use agent_testkit::TestApp;
use agent_worker::{
    jobs::{Sweep, Upkeep},
    supervisor::{Job as _, Next},
};

use super::rows::{append, append_many, relay, settings, until_drained};

async fn stream_length(app: &TestApp) -> u64 {
    app.app.core.kv.stream_len().await.unwrap()
}

#[tokio::test]
async fn q19_only_the_upkeep_trims_the_stream_and_it_counts_what_it_took() {
    let app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    let mut upkeep = Upkeep {
        core: app.app.core.clone(),
        stream_max_len: 300,
        published: None,
    };
    append_many(&app, 40, 1_000).await;
    until_drained(&app, &mut relay).await;
    assert_eq!(stream_length(&app).await, 1_000);
    upkeep.step().await.unwrap();
    assert_eq!(app.metrics.outbox_stream_limit.get(), 300);
    let left = stream_length(&app).await;
    // Redis takes whole blocks of entries.
    assert!((300..=400).contains(&left), "{left}");
    assert_eq!(app.metrics.outbox_stream_trimmed_total.get(), 1_000 - left);
    assert_eq!(
        app.metrics.outbox_stream_length.get(),
        i64::try_from(left).unwrap()
    );
    assert!(app.logs.text().contains("entries trimmed from the stream"));
    assert!(
        app.logs
            .text()
            .contains("the stream is nearly at its limit")
    );
    // The probe at the end wants every published event in the stream.
    app.as_owner("ALTER TABLE agent_outbox DISABLE TRIGGER ALL; DELETE FROM agent_outbox")
        .await;
    app.finish().await;
}

#[tokio::test]
async fn p094_the_backlog_is_measured() {
    let app = TestApp::spawn().await;
    append_many(&app, 4, 10).await;
    app.as_owner(
        "UPDATE agent_outbox_pending SET parked_at = now() WHERE id = (SELECT min(id) FROM agent_outbox_pending); \
         UPDATE agent_outbox_pending SET occurred_at = occurred_at WHERE parked_at IS NULL",
    )
    .await;
    let mut upkeep = Upkeep {
        core: app.app.core.clone(),
        stream_max_len: 300,
        published: None,
    };
    tokio::time::sleep(Duration::from_millis(30)).await;
    upkeep.step().await.unwrap();
    let metrics = &app.metrics;
    assert_eq!(
        (
            metrics.outbox_pending_rows.get(),
            metrics.outbox_parked_rows.get()
        ),
        (9, 1)
    );
    metrics.outbox_published_total.inc_by(1_000_000);
    upkeep.step().await.unwrap();
    let rate = metrics.outbox_publish_rate.get();
    assert!(rate > 10_000.0, "{rate}");
    let oldest = metrics.outbox_oldest_pending_seconds.get();
    assert!((0.03..60.0).contains(&oldest), "{oldest}");
    app.finish().await;
}

fn sweep(app: &TestApp) -> Sweep {
    Sweep {
        core: app.app.core.clone(),
        outbox_retention: Duration::from_secs(7 * 86_400),
        idempotency_ttl: Duration::from_secs(24 * 3_600),
        months_kept: None,
    }
}

/// A partition of the day so many days ago, with an event in it or none.
async fn old_day(app: &TestApp, days_ago: i32, event: bool) -> String {
    let day = format!("(now() AT TIME ZONE 'UTC')::date - {days_ago}");
    let name = app
        .text(&format!(
            "SELECT 'agent_outbox_' || to_char({day}, 'YYYYMMDD')"
        ))
        .await;
    app.as_owner(&format!(
        "DO $$ BEGIN EXECUTE format('CREATE TABLE {name} PARTITION OF agent_outbox FOR VALUES FROM (%L) TO (%L)', \
           ({day})::timestamp AT TIME ZONE 'UTC', ({day} + 1)::timestamp AT TIME ZONE 'UTC'); END $$"
    ))
    .await;
    if event {
        old_event(
            app,
            &format!("({day})::timestamp AT TIME ZONE 'UTC' + interval '1 h'"),
            "",
        )
        .await;
    }
    name
}

async fn old_event(app: &TestApp, at: &str, pending: &str) {
    app.as_owner(&format!(
        "WITH event AS (INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, \
           aggregate_id, brand_id, schema_version, payload) \
         VALUES ({at}, gen_random_uuid(), 3, 'test.happened', 'test', 'old', 1, 2, '{{\"brand_id\": 1, \"n\": 1}}') \
         RETURNING shard, id, occurred_at) \
         INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
         SELECT shard, id, occurred_at, id FROM event WHERE true {pending}"
    ))
    .await;
}

async fn exists(app: &TestApp, table: &str) -> bool {
    app.count(&format!(
        "SELECT count(*) FROM pg_class WHERE relname = '{table}'"
    ))
    .await
        == 1
}

#[tokio::test]
async fn q94_partitions_are_made_ahead_and_dropped_when_all_in_them_is_published_and_old() {
    let app = TestApp::spawn().await;
    let waiting = old_day(&app, 20, true).await;
    let parked = old_day(&app, 15, true).await;
    app.as_owner(
        "UPDATE agent_outbox_pending SET parked_at = now() WHERE occurred_at > now() - interval '16 days'",
    )
    .await;
    let published = old_day(&app, 10, false).await;
    let recent = old_day(&app, 6, false).await;
    let ahead = app
        .text("SELECT 'agent_outbox_' || to_char((now() AT TIME ZONE 'UTC')::date + 7, 'YYYYMMDD')")
        .await;
    app.as_owner(&format!("DROP TABLE {ahead}")).await;
    // Days that had no partition.
    old_event(&app, "'2020-01-01Z'", "AND false").await;
    old_event(&app, "'2020-01-02Z'", "").await;

    assert_eq!(sweep(&app).step().await.unwrap(), Next::AfterPause);
    assert!(exists(&app, &ahead).await);
    assert!(!exists(&app, &published).await);
    for kept in [&waiting, &parked, &recent] {
        assert!(exists(&app, kept).await, "{kept}");
    }
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox_default").await,
        1
    );

    let mut relay = relay(&app, settings("only"));
    until_drained(&app, &mut relay).await;
    sweep(&app).step().await.unwrap();
    assert!(!exists(&app, &waiting).await);
    assert!(
        exists(&app, &parked).await,
        "a parked event is not published"
    );
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox_default").await,
        0
    );
    app.finish().await;
}

#[tokio::test]
async fn q94_a_long_transaction_makes_the_upkeep_wait_for_another_time_and_writers_not_at_all() {
    let app = TestApp::spawn().await;
    let old = old_day(&app, 10, false).await;
    let mut report = app.owner.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM agent_outbox")
        .execute(&mut *report)
        .await
        .unwrap();
    let started = Instant::now();
    let mut job = sweep(&app);
    let (swept, _) = tokio::join!(job.step(), append(&app.owner, "x", 1));
    swept.unwrap();
    // Far below the lock timeout of 2 s, for which both would else have stood still.
    assert!(started.elapsed() < Duration::from_millis(1_500));
    assert!(exists(&app, &old).await);
    report.rollback().await.unwrap();
    job.step().await.unwrap();
    assert!(!exists(&app, &old).await);
    app.finish().await;
}

#[tokio::test]
async fn q94_several_workers_may_sweep_at_once() {
    let app = TestApp::spawn().await;
    for round in 0..5 {
        let days = 9 + round * 2;
        let (one, two) = (
            old_day(&app, days, false).await,
            old_day(&app, days + 1, false).await,
        );
        let (mut a, mut b, mut c) = (sweep(&app), sweep(&app), sweep(&app));
        let (a, b, c) = tokio::join!(a.step(), b.step(), c.step());
        for swept in [a, b, c] {
            swept.unwrap();
        }
        assert!(!exists(&app, &one).await && !exists(&app, &two).await);
    }
    app.finish().await;
}

#[tokio::test]
async fn q88_old_idempotency_keys_are_swept_in_bounded_steps() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("keys", &[&brand]).await;
    app.as_owner(&format!(
        "INSERT INTO idempotency_key (agent_id, operation, key, request_hash, created_at) \
         SELECT {0}, 'x', n::text, '\\x00', now() - interval '25 hours' FROM generate_series(1, 7000) n; \
         INSERT INTO idempotency_key (agent_id, operation, key, request_hash, created_at) \
         VALUES ({0}, 'x', 'young', '\\x00', now() - interval '23 hours')",
        agent.guid
    ))
    .await;
    let mut job = sweep(&app);
    assert_eq!(job.step().await.unwrap(), Next::Now);
    assert_eq!(
        app.count("SELECT count(*) FROM idempotency_key").await,
        2_001
    );
    assert_eq!(job.step().await.unwrap(), Next::AfterPause);
    assert_eq!(
        app.text("SELECT string_agg(key, ',') FROM idempotency_key")
            .await,
        "young"
    );
    app.finish().await;
}

#[tokio::test]
async fn p112_codes_are_swept_a_day_after_they_expired() {
    let app = TestApp::spawn().await;
    app.as_owner(
        "INSERT INTO agent_recovery (id, purpose, subject_key, brand_id, code_hash, created_at, expires_at) \
         SELECT gen_random_uuid(), 'recovery', decode(repeat('ab', 32), 'hex'), 1, \
                decode(repeat('cd', 32), 'hex'), now() - age, now() - age \
         FROM unnest(ARRAY[interval '25 hours', interval '23 hours', interval '0']) age",
    )
    .await;
    assert_eq!(sweep(&app).step().await.unwrap(), Next::AfterPause);
    let kept = "SELECT count(*) FROM agent_recovery WHERE expires_at > now() - interval '24 hours'";
    assert_eq!(app.count("SELECT count(*) FROM agent_recovery").await, 2);
    assert_eq!(app.count(kept).await, 2);
    app.finish().await;
}
