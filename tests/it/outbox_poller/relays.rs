//! Several relays: who holds which shard, and what happens when one dies.

use std::time::{Duration, Instant};

use agent_services::outbox_relay::{Relay, Step};
use agent_testkit::TestApp;

use super::rows::{
    append, append_many, assert_complete_in_order, first_appearances, noting_fails, relay,
    settings, stream, until_drained,
};

/// Steps all relays in turn until their shares are as expected.
async fn until_shared(relays: &mut [Relay], expected: &[usize]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        for relay in &mut *relays {
            relay.step().await.unwrap();
        }
        let mut shares: Vec<usize> = relays.iter().map(Relay::shards_held).collect();
        shares.sort_unstable_by(|a, b| b.cmp(a));
        if shares == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{shares:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn q17_q94_three_relays_publish_thousands_of_rows_once_and_in_order() {
    let mut app = TestApp::spawn().await;
    let names = ["one", "two", "three"];
    let mut relays = names.map(|name| {
        let mut settings = settings(name);
        settings.lease = Duration::from_secs(5);
        relay(&app, settings)
    });
    until_shared(&mut relays, &[6, 6, 4]).await;
    append_many(&app, 300, 6_000).await;
    let [one, two, three] = &mut relays;
    let counts = tokio::join!(
        until_drained(&app, one),
        until_drained(&app, two),
        until_drained(&app, three)
    );
    let counts = [counts.0, counts.1, counts.2];
    assert_eq!(counts.iter().sum::<usize>(), 6_000, "{counts:?}");
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
    let entries = stream(&mut app).await;
    assert_eq!(entries.len(), 6_000);
    assert_eq!(assert_complete_in_order(&entries, 6_000), 0);
    app.finish().await;
}

#[tokio::test]
async fn q94_shards_are_shared_evenly_and_never_held_twice() {
    let app = TestApp::spawn().await;
    let lasting = |name| {
        let mut settings = settings(name);
        settings.lease = Duration::from_secs(5);
        relay(&app, settings)
    };
    let mut relays = vec![lasting("one")];
    until_shared(&mut relays, &[16]).await;
    relays.push(lasting("two"));
    until_shared(&mut relays, &[8, 8]).await;
    relays.push(lasting("three"));
    until_shared(&mut relays, &[6, 6, 4]).await;
    for relay in &relays {
        assert!(relay.shards_held() >= 4);
    }
    let owners = "SELECT count(DISTINCT owner) FROM outbox_lease WHERE expires_at > now()";
    assert_eq!(app.count(owners).await, 3);
    // One leaves in good order: what it held is taken at once, long before its lease ends.
    relays.remove(0).release().await.unwrap();
    let left_at = Instant::now();
    until_shared(&mut relays, &[8, 8]).await;
    assert!(left_at.elapsed() < Duration::from_secs(4));
    app.finish().await;
}

#[tokio::test]
async fn q94_the_shards_of_a_dead_relay_are_taken_over_after_its_lease_and_not_before() {
    let mut app = TestApp::spawn().await;
    let mut dead = relay(&app, settings("dead"));
    append(&app.owner, "x", 1).await;
    let renewed_at = Instant::now();
    until_drained(&app, &mut dead).await;
    assert_eq!(dead.shards_held(), 16);
    drop(dead);
    append(&app.owner, "x", 2).await;
    let mut heir = relay(&app, settings("heir"));
    until_drained(&app, &mut heir).await;
    // Measured from before the lease was renewed, so it is never too short by the measuring.
    assert!(renewed_at.elapsed() >= Duration::from_millis(600));
    let entries = stream(&mut app).await;
    assert_eq!(assert_complete_in_order(&entries, 2), 0);
    app.finish().await;
}

/// After an outage all leases have run out, and everybody renews at once: each finds its own old
/// shards locked by the others.
#[tokio::test]
async fn q94_relays_whose_leases_all_ran_out_do_not_lock_each_other_out() {
    let app = TestApp::spawn().await;
    let mut relays = ["one", "two"].map(|name| {
        let mut settings = settings(name);
        settings.lease = Duration::from_micros(500);
        settings.poll = Duration::ZERO;
        relay(&app, settings)
    });
    // Somebody to share with, so that neither takes all.
    app.as_owner("INSERT INTO outbox_worker VALUES ('other', 'infinity')")
        .await;
    let [one, two] = &mut relays;
    for _ in 0..250 {
        let (one, two) = tokio::join!(one.step(), two.step());
        one.unwrap();
        two.unwrap();
    }
    app.finish().await;
}

#[tokio::test]
async fn q94_a_relay_that_slept_through_its_lease_publishes_nothing_on_it() {
    let mut app = TestApp::spawn().await;
    let mut slow = settings("sleeper");
    slow.poll = Duration::from_secs(60);
    let mut sleeper = relay(&app, slow);
    append(&app.owner, "x", 1).await;
    until_drained(&app, &mut sleeper).await;
    tokio::time::sleep(Duration::from_millis(650)).await;
    let mut heir = settings("heir");
    heir.lease = Duration::from_secs(5);
    let mut heir = relay(&app, heir);
    heir.step().await.unwrap();
    heir.step().await.unwrap();
    assert_eq!(heir.shards_held(), 16);
    append(&app.owner, "x", 2).await;
    assert_eq!(sleeper.step().await.unwrap(), Step::Idle);
    assert_eq!(sleeper.shards_held(), 0);
    assert_eq!(stream(&mut app).await.len(), 1);
    until_drained(&app, &mut heir).await;
    let (order, repeated) = first_appearances(&stream(&mut app).await);
    assert_eq!((order["x"].as_slice(), repeated), (&[1, 2][..], 0));
    app.finish().await;
}

/// The database goes away between publishing and noting: what is published is remembered and
/// noted before anything is read again.
#[tokio::test]
async fn q94_what_the_database_could_not_note_is_noted_later_and_not_published_again() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 10, 50).await;
    let heal = noting_fails(&app).await;
    for _ in 0..5 {
        relay.step().await.unwrap_err();
    }
    assert_eq!(stream(&mut app).await.len(), 50);
    app.as_owner(heal).await;
    until_drained(&app, &mut relay).await;
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, 50), 0);
    assert_eq!(app.metrics.outbox_published_total.get(), 50);
    app.finish().await;
}
