//! Overlapping rounds, hints and fences.

use std::time::{Duration, Instant};

use agent_services::outbox_relay::{Relay, Step};
use agent_testkit::TestApp;

use super::rows::{
    append, append_many, assert_complete_in_order, first_appearances, raise_epochs, relay,
    settings, stream, until_drained, waiting,
};

#[tokio::test]
async fn q94_one_step_empties_what_waits_and_says_so() {
    let mut app = TestApp::spawn().await;
    append_many(&app, 300, 2_000).await;
    let mut settings = settings("only");
    settings.poll = Duration::from_secs(60);
    settings.lease = Duration::from_secs(120);
    let mut relay = relay(&app, settings);
    assert_eq!(relay.step().await.unwrap(), Step::Emptied(2_000));
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, 2_000), 0);
    assert_eq!(waiting(&app).await, 0);
    assert_eq!(app.metrics.outbox_published_total.get(), 2_000);
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    app.finish().await;
}

/// One aggregate is one shard: nothing overlaps, and nothing overtakes.
#[tokio::test]
async fn q94_a_single_busy_aggregate_keeps_its_order() {
    let mut app = TestApp::spawn().await;
    append_many(&app, 1, 1_500).await;
    let mut relay = relay(&app, settings("only"));
    until_drained(&app, &mut relay).await;
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, 1_500), 0);
    app.finish().await;
}

/// Entries of the pending table's index that reads have walked over, dead ones too.
async fn walked(app: &TestApp) -> i64 {
    app.as_owner("SELECT pg_stat_force_next_flush()").await;
    app.count(
        "SELECT idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'agent_outbox_pending_pkey'",
    )
    .await
}

/// A dump that is open keeps the database from forgetting deleted rows. Whoever began each read
/// with the first id would walk over all of them each time.
#[tokio::test]
async fn q94_an_open_transaction_elsewhere_does_not_make_reads_walk_over_what_was_published() {
    const ROWS: i64 = 20_000;
    let mut app = TestApp::spawn().await;
    append_many(&app, 500, ROWS).await;
    let mut dump = app.owner.begin().await.unwrap();
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        .execute(&mut *dump)
        .await
        .unwrap();
    // It even writes, but appends nothing.
    sqlx::query("UPDATE outbox_worker SET owner = owner")
        .execute(&mut *dump)
        .await
        .unwrap();
    let before = walked(&app).await;
    let mut settings = settings("only");
    settings.poll = Duration::from_secs(60);
    settings.lease = Duration::from_secs(120);
    // With the worker's planning: other plans read a whole shard each time.
    let worker = agent_worker::serve::assemble(&app.worker_settings(&[]), app.clock.clone());
    let mut relay = Relay::new(worker.unwrap().core, settings);
    let all = usize::try_from(ROWS).unwrap();
    assert_eq!(relay.step().await.unwrap(), Step::Emptied(all));
    drop(relay);
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, all), 0);
    dump.rollback().await.unwrap();
    // The relay's connections report what they did after a while.
    let deadline = Instant::now() + Duration::from_secs(20);
    while walked(&app).await - before < 2 * ROWS {
        assert!(Instant::now() < deadline, "nothing was read");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let walked = walked(&app).await - before;
    // Each row is read, deleted, and walked over by the reads until its hint rises; from the first
    // id on it would be more than 200 000 of the 20 000.
    assert!(walked < 6 * ROWS, "{walked} entries for {ROWS} rows");
    app.finish().await;
}

/// An append that stays open keeps the hint down, so that what it commits is found at once.
#[tokio::test]
async fn q94_what_an_open_append_commits_late_is_published_at_once_and_before_its_successors() {
    let mut app = TestApp::spawn().await;
    let mut settings = settings("only");
    settings.whole_pass_share = u32::MAX;
    settings.whole_pass_every = Duration::from_secs(600);
    let mut relay = relay(&app, settings);
    for n in 0..200 {
        append(&app.owner, &format!("a{}", n % 50), n).await;
    }
    let mut late = app.owner.begin().await.unwrap();
    append(&mut *late, "late", 1).await;
    for round in 0..10 {
        for n in 0..40 {
            append(&app.owner, &format!("a{}", n % 50), 1_000 + round * 100 + n).await;
        }
        until_drained(&app, &mut relay).await;
    }
    late.commit().await.unwrap();
    append(&app.owner, "late", 2).await;
    let committed_at = Instant::now();
    until_drained(&app, &mut relay).await;
    assert!(committed_at.elapsed() < Duration::from_secs(5));
    let (order, repeated) = first_appearances(&stream(&mut app).await);
    assert_eq!((order["late"].as_slice(), repeated), (&[1, 2][..], 0));
    app.finish().await;
}

/// Two processes of the same name are two workers.
#[tokio::test]
async fn q17_q94_two_workers_of_the_same_name_publish_everything_once() {
    let mut app = TestApp::spawn().await;
    let mut relays = [(); 2].map(|()| {
        let mut settings = settings("same");
        settings.lease = Duration::from_secs(5);
        relay(&app, settings)
    });
    let deadline = Instant::now() + Duration::from_secs(20);
    while relays.iter().any(|relay| relay.shards_held() != 8) {
        for relay in &mut relays {
            relay.step().await.unwrap();
        }
        assert!(Instant::now() < deadline, "not shared");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    append_many(&app, 300, 4_000).await;
    let [one, two] = &mut relays;
    tokio::join!(until_drained(&app, one), until_drained(&app, two));
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, 4_000), 0);
    app.finish().await;
}

/// A process that stood still believes that its shards are its own. The stream knows better.
#[tokio::test]
async fn q94_whoever_lost_its_shards_without_noticing_appends_nothing() {
    let mut app = TestApp::spawn().await;
    let patient = |name| {
        let mut settings = settings(name);
        settings.poll = Duration::from_secs(60);
        settings.lease = Duration::from_secs(120);
        settings
    };
    let mut ghost = relay(&app, patient("ghost"));
    append(&app.owner, "x", 1).await;
    assert_eq!(ghost.step().await.unwrap(), Step::Emptied(1));
    // The time of its lease passes for the database, but not for the process.
    app.as_owner("UPDATE outbox_lease SET expires_at = '-infinity'; DELETE FROM outbox_worker")
        .await;
    let mut heir = relay(&app, patient("heir"));
    append(&app.owner, "x", 2).await;
    assert_eq!(heir.step().await.unwrap(), Step::Emptied(1));
    assert_eq!(heir.shards_held(), 16);

    append(&app.owner, "x", 3).await;
    assert_eq!(ghost.step().await.unwrap(), Step::Published(0));
    assert_eq!(ghost.shards_held(), 0);
    let lost = app
        .metrics
        .outbox_publish_failed_total
        .with_label_values(&["taken_over"]);
    assert_eq!(lost.get(), 1);
    assert_eq!(heir.step().await.unwrap(), Step::Emptied(1));
    let (order, repeated) = first_appearances(&stream(&mut app).await);
    assert_eq!((order["x"].as_slice(), repeated), (&[1, 2, 3][..], 0));
    app.finish().await;
}

/// A database that was restored from a backup is behind the stream; it catches up by itself.
#[tokio::test]
async fn q94_epochs_of_a_restored_database_catch_up() {
    let mut app = TestApp::spawn().await;
    raise_epochs(&mut app).await;
    append_many(&app, 50, 200).await;
    let mut relay = relay(&app, settings("only"));
    until_drained(&app, &mut relay).await;
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, 200), 0);
    let behind = "SELECT count(*) FROM outbox_lease WHERE epoch <= 1000";
    assert_eq!(app.count(behind).await, 0);
    app.finish().await;
}

/// Three processes; one is killed in the middle of the work.
#[tokio::test]
async fn q17_q94_of_three_workers_one_is_killed_and_the_others_take_over_within_five_seconds() {
    const ROWS: i64 = 30_000;
    const BATCH: usize = 100;
    let mut app = TestApp::spawn().await;
    let batch = BATCH.to_string();
    let mut workers = Vec::new();
    for _ in 0..3 {
        workers.push(app.worker_binary(&[("OUTBOX_BATCH", &*batch)]).await);
    }
    let owners = "SELECT count(DISTINCT owner) FROM outbox_lease WHERE expires_at > now()";
    let deadline = Instant::now() + Duration::from_secs(30);
    while app.count(owners).await < 3 {
        assert!(Instant::now() < deadline, "not shared");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    append_many(&app, 300, ROWS).await;
    while waiting(&app).await > ROWS / 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let killed = workers.pop().unwrap();
    killed.kill();
    let killed_at = Instant::now();
    let two_hold_all = "SELECT count(*) FROM outbox_lease WHERE expires_at > now() AND owner IN \
                        (SELECT owner FROM outbox_worker WHERE expires_at > now()) \
                        AND 2 = (SELECT count(DISTINCT owner) FROM outbox_lease)";
    while app.count(two_hold_all).await < 16 {
        assert!(
            killed_at.elapsed() < Duration::from_secs(20),
            "not taken over"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        killed_at.elapsed() < Duration::from_secs(5),
        "{:?}",
        killed_at.elapsed()
    );
    let deadline = Instant::now() + Duration::from_secs(60);
    while waiting(&app).await > 0 {
        assert!(Instant::now() < deadline, "not drained");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(workers);
    let entries = stream(&mut app).await;
    let repeated = assert_complete_in_order(&entries, usize::try_from(ROWS).unwrap());
    assert!(repeated <= BATCH, "{repeated} repetitions after one kill");
    app.finish().await;
}
