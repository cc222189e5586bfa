//! Events that are published again, while relays and writers are at work.

use std::{cell::Cell, collections::BTreeMap, time::Duration};

use agent_persistence::outbox::{self, ReplayRange};
use agent_services::{
    outbox_operate::{self, ReplayError},
    outbox_relay::Relay,
};
use agent_testkit::{TestApp, process};
use chrono::{DateTime, TimeDelta};
use futures_util::future::join_all;

use super::rows::{
    Entry, append, append_many, assert_complete_in_order, noting_fails, number, raise_epochs,
    relay, settings, stream, until_drained, waiting,
};

fn everything(app: &TestApp) -> ReplayRange {
    ReplayRange {
        times: (DateTime::UNIX_EPOCH, app.clock.now() + TimeDelta::days(1)),
        ids: (0, i64::MAX),
    }
}

async fn replay(app: &TestApp) -> Result<i64, ReplayError> {
    outbox_operate::replay(&app.app.core, "operator:eve", &everything(app)).await
}

async fn flush(app: &mut TestApp) {
    let () = redis::cmd("FLUSHDB")
        .query_async(&mut app.redis)
        .await
        .unwrap();
}

/// Each aggregate's numbers begin with 1 and go on by one; only a replay of everything may interrupt
/// that, and begins with 1 again. After the last one nothing is missing. Gives how often it began
/// again at most.
#[track_caller]
fn assert_in_order_since_each_replay(entries: &[Entry], written: &BTreeMap<String, i64>) -> usize {
    let mut seen: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for entry in entries {
        let numbers = seen.entry(&entry["aggregate_id"]).or_default();
        numbers.push(number(entry));
    }
    assert_eq!(seen.len(), written.len());
    let mut begun_again = 0;
    for (aggregate, numbers) in seen {
        let begins = numbers.iter().filter(|n| **n == 1).count();
        let goes_on = |pair: &[i64]| pair[1] == pair[0] + 1 || pair[1] == 1;
        assert!(numbers.windows(2).all(goes_on), "{aggregate}: {numbers:?}");
        assert_eq!(numbers[0], 1, "{aggregate}: {numbers:?}");
        assert_eq!(numbers.last(), written.get(aggregate), "{aggregate}");
        begun_again = begun_again.max(begins - 1);
    }
    begun_again
}

/// Writes to its own aggregates, as fast as it can, in transactions of some events that at times
/// stay open for a while.
async fn write(app: &TestApp, aggregates: [&str; 3], over: &Cell<bool>) -> BTreeMap<String, i64> {
    let mut written = BTreeMap::new();
    for turn in 0.. {
        if over.get() {
            break;
        }
        let mut tx = app.owner.begin().await.unwrap();
        for aggregate in aggregates.iter().cycle().take(1 + turn % 7) {
            let n = written.entry((*aggregate).to_owned()).or_default();
            *n += 1;
            append(&mut *tx, aggregate, *n).await;
        }
        if turn % 10 == 0 {
            tokio::time::sleep(Duration::from_millis(15)).await;
        }
        tx.commit().await.unwrap();
    }
    written
}

async fn publish(mut relay: Relay, over: &Cell<bool>) -> Relay {
    while !over.get() {
        relay.step().await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    relay
}

/// Two relays publish, three writers write, and everything is published again five times.
#[tokio::test]
async fn q94_after_a_replay_everything_comes_in_order_however_many_write_and_publish_meanwhile() {
    const REPLAYS: usize = 5;
    let mut app = TestApp::spawn().await;
    let (written_all, all_over) = (Cell::new(false), Cell::new(false));
    let relays = ["one", "two"].map(|name| {
        let mut settings = settings(name);
        settings.lease = Duration::from_secs(5);
        settings.batch = 20;
        publish(relay(&app, settings), &all_over)
    });
    let names = [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]];
    let writers = names.map(|names| write(&app, names, &written_all));
    let acts = async {
        for _ in 0..REPLAYS {
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(replay(&app).await.unwrap() > 0);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        written_all.set(true);
    };
    let drained = async {
        while !written_all.get() || waiting(&app).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        all_over.set(true);
    };
    let (_, written, (), ()) = tokio::join!(join_all(relays), join_all(writers), acts, drained);
    let written = written.into_iter().flatten().collect();
    let begun_again = assert_in_order_since_each_replay(&stream(&mut app).await, &written);
    assert_eq!(begun_again, REPLAYS);
    app.finish().await;
}

/// The stream is lost between publishing and noting. What the relay notes later is waiting once
/// more by then, and stays.
#[tokio::test]
async fn q94_what_was_published_but_not_noted_before_a_replay_is_published_by_it() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 10, 50).await;
    let heal = noting_fails(&app).await;
    relay.step().await.unwrap_err();
    assert_eq!(stream(&mut app).await.len(), 50);
    flush(&mut app).await;
    app.as_owner(heal).await;
    assert_eq!(replay(&app).await.unwrap(), 0, "all of it waits");
    until_drained(&app, &mut relay).await;
    let entries = stream(&mut app).await;
    assert_eq!(entries.len(), 50);
    assert_complete_in_order(&entries, 50);
    app.finish().await;
}

/// As before, and the statement that notes is under way all the time: it began before the replay,
/// and goes on when that has put the events in.
#[tokio::test]
async fn q94_a_relay_that_is_slow_to_note_takes_nothing_away_from_a_replay() {
    let mut app = TestApp::spawn().await;
    let mut slow = relay(&app, settings("slow"));
    append_many(&app, 10, 50).await;
    app.as_owner(
        "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS \
           $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$; \
         CREATE TRIGGER waits BEFORE DELETE ON agent_outbox_pending FOR EACH STATEMENT EXECUTE FUNCTION wait()",
    )
    .await;
    let raced = async {
        while stream_length(&app).await < 50 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        replay(&app).await.unwrap()
    };
    let (stepped, _) = tokio::join!(slow.step(), raced);
    stepped.unwrap();
    drop(slow);
    app.as_owner("DROP TRIGGER waits ON agent_outbox_pending")
        .await;
    let mut heir = relay(&app, settings("heir"));
    until_drained(&app, &mut heir).await;
    let entries = stream(&mut app).await;
    assert_eq!(entries.len(), 100, "before the replay, and by it");
    assert_complete_in_order(&entries[50..], 50);
    app.finish().await;
}

/// It does not know that its shards were taken, and would read above its hints, where only what is
/// younger than the events fed again waits. The stream knows better.
#[tokio::test]
async fn q94_a_relay_that_noticed_nothing_publishes_nothing_before_what_a_replay_feeds() {
    let mut app = TestApp::spawn().await;
    let mut settings = settings("ghost");
    settings.poll = Duration::from_secs(60);
    settings.lease = Duration::from_secs(120);
    settings.whole_pass_share = u32::MAX;
    let mut ghost = relay(&app, settings);
    for n in 1..=8 {
        append(&app.owner, "x", n).await;
        ghost.step().await.unwrap();
        tokio::time::sleep(Duration::from_millis(110)).await;
    }
    assert_eq!(replay(&app).await.unwrap(), 8);
    append(&app.owner, "x", 9).await;
    until_drained(&app, &mut ghost).await;
    let entries = stream(&mut app).await;
    let numbers: Vec<i64> = entries.iter().map(number).collect();
    assert_eq!(
        numbers,
        [(1..=8).collect::<Vec<_>>(), (1..=9).collect()].concat()
    );
    app.finish().await;
}

async fn stream_length(app: &TestApp) -> u64 {
    app.app.core.kv.stream_len().await.unwrap()
}

/// Killed between its steps: nothing is changed, and its shards wait for its leases only.
#[tokio::test]
async fn q94_a_replay_that_is_killed_holds_the_shards_until_its_leases_run_out() {
    const HOUR: Duration = Duration::from_secs(3_600);
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 10, 50).await;
    until_drained(&app, &mut relay).await;
    for shard in 0..outbox::SHARDS {
        let seized = outbox::seize_lease(app.app.core.db.pool(), "replay:dead", HOUR, shard, 0);
        assert!(seized.await.unwrap().is_some());
    }
    assert!(matches!(replay(&app).await, Err(ReplayError::Another)));
    append_many(&app, 10, 10).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(25)).await;
        relay.step().await.unwrap();
    }
    assert_eq!((relay.shards_held(), waiting(&app).await), (0, 10));
    app.as_owner("UPDATE outbox_lease SET expires_at = now() + interval '100 ms'")
        .await;
    until_drained(&app, &mut relay).await;
    assert_eq!(relay.shards_held(), 16);
    assert_eq!(stream(&mut app).await.len(), 60);
    assert!(replay(&app).await.is_ok());
    app.finish().await;
}

/// Of two at once one may be refused; what was done was done in order.
#[tokio::test]
async fn q94_replays_at_once_exclude_each_other() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    let mut done = 0;
    for n in 1..=30 {
        for aggregate in ["a", "b", "c"] {
            append(&app.owner, aggregate, n).await;
        }
    }
    until_drained(&app, &mut relay).await;
    for _ in 0..5 {
        for outcome in <[_; 2]>::from(tokio::join!(replay(&app), replay(&app))) {
            match outcome {
                Ok(_) => done += 1,
                Err(error) => assert!(matches!(error, ReplayError::Another), "{error}"),
            }
        }
        until_drained(&app, &mut relay).await;
    }
    assert!(done >= 5, "{done}");
    let written = ["a", "b", "c"].map(|aggregate| (aggregate.to_owned(), 30));
    let entries = stream(&mut app).await;
    assert_in_order_since_each_replay(&entries, &written.into());
    let free = "SELECT count(*) FROM outbox_lease WHERE owner LIKE 'replay%'";
    assert_eq!(app.count(free).await, 0);
    app.finish().await;
}

/// Without Redis nobody can be kept from publishing: nothing is done.
#[tokio::test]
async fn q94_a_replay_without_redis_changes_nothing_and_says_so() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 10, 50).await;
    until_drained(&app, &mut relay).await;
    let mut environment = app.environment().clone();
    environment.insert("REDIS_URL".to_owned(), "redis://127.0.0.1:1/0".to_owned());
    let arguments = ["outbox", "replay", "--from", "1", "--by", "eve"];
    let output = process::run("agent-api", &arguments, &environment);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("redis: no connection to Redis"), "{said}");
    assert_eq!(waiting(&app).await, 0);
    let audited = "SELECT count(*) FROM admin_audit WHERE resource = 'outbox'";
    assert_eq!(app.count(audited).await, 0);
    let held = "SELECT count(*) FROM outbox_lease WHERE owner LIKE 'replay%'";
    assert_eq!(app.count(held).await, 0, "the leases are given back");
    append_many(&app, 10, 10).await;
    until_drained(&app, &mut relay).await;
    assert_eq!(stream(&mut app).await.len(), 60);
    app.finish().await;
}

/// A database that was restored from a backup is behind the stream; so is the replay, which goes
/// above it.
#[tokio::test]
async fn q94_a_replay_goes_above_the_epochs_that_the_stream_knows() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 40, 200).await;
    until_drained(&app, &mut relay).await;
    raise_epochs(&mut app).await;
    assert_eq!(replay(&app).await.unwrap(), 200);
    until_drained(&app, &mut relay).await;
    assert_eq!(stream(&mut app).await.len(), 400);
    app.finish().await;
}
