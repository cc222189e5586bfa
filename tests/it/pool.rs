//! Connections that are lent and come back: whatever became of their last use, the next one finds
//! them at rest.

use std::time::Duration;

use agent_persistence::{Db, DbSettings, error::DbErrorKind};
use agent_services::wiring::db_settings;
use agent_testkit::TestApp;

const DEADLINE: Duration = Duration::from_secs(20);

fn settings(app: &TestApp, connections: u32) -> DbSettings {
    let mut settings = db_settings(&app.worker_settings(&[]).database, "pool-test");
    settings.max_connections = connections;
    settings.acquire_timeout = DEADLINE;
    settings
}

/// A pool of one connection: what is left on it meets the next who asks.
fn one_connection(app: &TestApp) -> Db {
    Db::open(&settings(app, 1)).unwrap()
}

async fn number(db: &Db, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement)
        .fetch_one(db.pool())
        .await
        .unwrap()
}

async fn process(db: &Db) -> i64 {
    number(db, "SELECT pg_backend_pid()::bigint").await
}

/// Lets a future run for a while and drops it.
async fn broken_off<T>(work: impl Future<Output = T>, after: Duration) -> bool {
    tokio::time::timeout(after, work).await.is_err()
}

/// Drops a future at one of the moments at which it waits.
async fn given_up_after<T>(polls: usize, work: impl Future<Output = T>) {
    let mut work = std::pin::pin!(work);
    for _ in 0..polls {
        if futures_util::poll!(work.as_mut()).is_ready() {
            return;
        }
        // What it waits for has come by then.
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// Whoever gets the connection next is in no transaction of somebody else: asked of the server by
/// its owner, since the application does not see states.
async fn assert_none_open(app: &TestApp, db: &Db) {
    assert_eq!(number(db, "SELECT 7::bigint").await, 7);
    let open = app.count(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
         AND application_name = 'pool-test' AND state LIKE 'idle in transaction%'",
    );
    assert_eq!(open.await, 0);
}

#[tokio::test]
async fn q93_a_statement_that_is_broken_off_answers_nobody_else() {
    let app = TestApp::spawn().await;
    let db = one_connection(&app);
    for milliseconds in [0, 1, 3, 10, 30, 100] {
        let slow = number(&db, "SELECT 666::bigint FROM pg_sleep(0.3)");
        assert!(broken_off(slow, Duration::from_millis(milliseconds)).await);
        assert_eq!(number(&db, "SELECT 7::bigint").await, 7);
    }
    assert!(db.connections().1 <= 1);
    app.finish().await;
}

#[tokio::test]
async fn q93_a_statement_that_fails_leaves_its_connection_in_use() {
    let app = TestApp::spawn().await;
    let db = one_connection(&app);
    let before = process(&db).await;
    for _ in 0..3 {
        let failed = sqlx::query("SELECT 1 / 0").execute(db.pool()).await;
        assert!(failed.is_err());
        assert_eq!(number(&db, "SELECT 7::bigint").await, 7);
    }
    assert_eq!(process(&db).await, before);
    app.finish().await;
}

#[tokio::test]
async fn q93_a_dropped_transaction_is_rolled_back_before_anybody_else_works() {
    let app = TestApp::spawn().await;
    let db = one_connection(&app);
    let before = process(&db).await;
    for _ in 0..20 {
        let tx = db.begin().await.unwrap();
        drop(tx);
        assert_none_open(&app, &db).await;
    }
    let settings = "SELECT count(*) FROM pg_settings WHERE name = 'plan_cache_mode' AND setting <> 'auto' \
                    OR name = 'transaction_read_only' AND setting = 'on'";
    drop(db.snapshot().await.unwrap());
    assert_eq!(number(&db, settings).await, 0);
    drop(db.report().await.unwrap());
    assert_eq!(number(&db, settings).await, 0);
    assert_eq!(process(&db).await, before);
    app.finish().await;
}

/// At whatever moment a begin or a commit is given up.
#[tokio::test]
async fn q93_a_transaction_that_is_broken_off_does_not_stay_open() {
    let app = TestApp::spawn().await;
    let db = one_connection(&app);
    for polls in (0..8).chain(0..8) {
        let whole = async { db.begin().await.unwrap().commit().await.unwrap().events };
        given_up_after(polls, whole).await;
        assert_none_open(&app, &db).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q93_an_export_that_is_dropped_ends_its_connection_and_one_that_ends_does_not() {
    let app = TestApp::spawn().await;
    let db = one_connection(&app);
    let before = process(&db).await;
    let longest = Duration::from_secs(5);
    let whole = db.export(longest).await.unwrap();
    whole.rollback().await.unwrap();
    assert_eq!(process(&db).await, before);
    drop(db.export(longest).await.unwrap());
    assert_ne!(process(&db).await, before);
    app.finish().await;
}

#[tokio::test]
async fn q93_connections_that_the_server_ended_are_replaced() {
    let app = TestApp::spawn().await;
    let db = Db::open(&settings(&app, 3)).unwrap();
    let ask = || number(&db, "SELECT count(*) FROM pg_sleep(0.2)");
    tokio::join!(ask(), ask(), ask());
    assert_eq!(db.connections(), (0, 3));
    app.as_owner(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'pool-test'",
    )
    .await;
    // Each of them fails once at most, whoever gets it.
    let mut failures = 0;
    for _ in 0..20 {
        let asked = sqlx::query("SELECT 1").execute(db.pool()).await;
        failures += usize::from(asked.is_err());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(failures <= 3, "{failures}");
    tokio::join!(ask(), ask(), ask());
    app.finish().await;
}

#[tokio::test]
async fn q93_more_callers_than_connections_wait_and_no_longer_than_they_may() {
    let app = TestApp::spawn().await;
    let mut settings = settings(&app, 2);
    let db = Db::open(&settings).unwrap();
    let all = (0..50).map(|_| number(&db, "SELECT 7::bigint"));
    let answers = futures_util::future::join_all(all).await;
    assert_eq!(answers, vec![7; 50]);
    assert!(db.connections().1 <= 2);
    settings.max_connections = 1;
    settings.acquire_timeout = Duration::from_millis(50);
    let db = Db::open(&settings).unwrap();
    let held = db.begin().await.unwrap();
    let refused = db.ping().await.unwrap_err();
    assert_eq!(refused.kind(), DbErrorKind::Unavailable);
    drop(held);
    app.finish().await;
}
