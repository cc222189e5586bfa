//! What makes the worker look: the signal after a commit, and as the safety net its poll.

use std::time::{Duration, Instant};

use agent_persistence::Db;
use agent_services::{
    outbox_relay::{Relay, Step},
    wiring::db_settings,
};
use agent_telemetry::Metrics;
use agent_testkit::TestApp;

use super::{
    rows::{append, relay, settings, waiting},
    statements::Counting,
};

const DEADLINE: Duration = Duration::from_secs(20);

async fn until_published(app: &TestApp) {
    let started = Instant::now();
    while waiting(app).await > 0 {
        assert!(started.elapsed() < DEADLINE, "not published");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn wakes(metrics: &Metrics, source: &str) -> u64 {
    metrics
        .outbox_wake_signals_total
        .with_label_values(&[source])
        .get()
}

async fn until_woken(metrics: &Metrics, source: &str, times: u64) {
    let started = Instant::now();
    while wakes(metrics, source) < times {
        assert!(started.elapsed() < DEADLINE, "no {source}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn p090_q94_a_committed_withdrawal_wakes_the_worker_long_before_its_poll() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let payee = app.payee("waking", &brand, "5000").await;
    let minutes = [("OUTBOX_POLL_MS", "60000"), ("OUTBOX_LEASE_MS", "120000")];
    let worker = app.worker(&minutes).await;
    // The subscription itself is a reason to look: from then on signals arrive.
    until_woken(&worker.metrics, "signal", 1).await;
    until_published(&app).await;
    for _ in 0..3 {
        let number = payee.session.withdrawn("1000", payee.card).await;
        until_published(&app).await;
        assert_eq!(payee.session.cancel(&number).await.status, 200);
        until_published(&app).await;
    }
    assert_eq!(wakes(&worker.metrics, "poll"), 0);
    worker.stop().await;
    app.finish().await;
}

#[tokio::test]
async fn q94_a_signal_that_is_lost_costs_a_poll_and_no_event() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let elsewhere = [("REDIS_CHANNEL_PREFIX", "deaf-"), ("OUTBOX_POLL_MS", "100")];
    let worker = app.worker(&elsewhere).await;
    let payee = app.payee("unheard", &brand, "5000").await;
    payee.session.withdrawn("1000", payee.card).await;
    until_published(&app).await;
    worker.stop().await;
    app.finish().await;
}

/// The poll, the renewal of the leases and the look for work are one statement.
#[tokio::test]
async fn q94_an_idle_relay_sends_one_statement_per_poll() {
    let app = TestApp::spawn().await;
    let way = Counting::before(&app.environment()["DATABASE_URL"]).await;
    let given = app.worker_settings(&[("DATABASE_URL", way.url())]);
    let mut connection = db_settings(&given.database, "counted");
    // Another one would introduce itself by statements of its own.
    connection.max_connections = 1;
    let mut core = app.app.core.clone();
    core.db = Db::open_for_queues(&connection).unwrap();
    let mut settings = settings("idle");
    settings.poll = Duration::ZERO;
    settings.lease = Duration::from_secs(60);
    let mut relay = Relay::new(core, settings);
    // The first takes the leases and tells the stream.
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    let before = way.completed();
    for _ in 0..100 {
        assert_eq!(relay.step().await.unwrap(), Step::Idle);
    }
    assert_eq!(way.completed() - before, 100);
    app.finish().await;
}

/// The event is on its way before the leases are renewed, and they are renewed right after.
#[tokio::test]
async fn q94_a_signalled_relay_reads_before_it_renews() {
    let app = TestApp::spawn().await;
    let mut settings = settings("signalled");
    // Always due.
    settings.poll = Duration::ZERO;
    settings.lease = Duration::from_secs(60);
    let mut relay = relay(&app, settings);
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    let renewed = "SELECT expires_at::text FROM outbox_worker";
    let before = app.text(renewed).await;
    append(&app.owner, "17", 1).await;
    relay.signalled();
    assert_eq!(relay.step().await.unwrap(), Step::Published(1));
    assert_eq!(app.text(renewed).await, before);
    assert_eq!(waiting(&app).await, 0);
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    assert_ne!(app.text(renewed).await, before);
    // A signal without an event is no reason to leave the leases alone, either.
    relay.signalled();
    assert_eq!(relay.step().await.unwrap(), Step::Published(0));
    app.finish().await;
}

#[tokio::test]
async fn q94_signals_do_not_keep_a_relay_without_shards_from_asking_for_some() {
    let app = TestApp::spawn().await;
    let mut settings = settings("empty-handed");
    settings.poll = Duration::ZERO;
    settings.lease = Duration::from_secs(60);
    let mut relay = relay(&app, settings);
    app.as_owner("UPDATE outbox_lease SET owner = 'other', expires_at = now() + interval '1 hour'")
        .await;
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    assert_eq!(relay.shards_held(), 0);
    app.as_owner("UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity'")
        .await;
    relay.signalled();
    relay.step().await.unwrap();
    assert_eq!(relay.shards_held(), 16);
    app.finish().await;
}

#[tokio::test]
async fn q94_only_a_relay_that_is_alone_and_has_nothing_to_do_looks_less_often() {
    let app = TestApp::spawn().await;
    let given = settings("alone");
    let (poll, slow) = (given.poll, given.poll * 7 / 4);
    let mut relay = relay(&app, given);
    // Shards may be there to be taken over.
    assert_eq!(relay.pause(), poll);
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    assert_eq!(relay.pause(), slow);
    append(&app.owner, "17", 1).await;
    relay.signalled();
    relay.step().await.unwrap();
    assert_eq!(relay.pause(), poll);
    app.finish().await;
}
