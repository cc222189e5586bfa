//! Rows that cannot be published, and a Redis that takes none.

use std::time::Duration;

use agent_services::outbox_relay::RelayError;
use agent_testkit::TestApp;

use super::{
    operate::done,
    rows::{
        Entry, append, append_payload, assert_complete_in_order, first_appearances, relay,
        settings, stream, until_drained, waiting,
    },
};

#[tokio::test]
async fn q94_a_poison_row_is_retried_then_parked_and_holds_back_its_own_aggregate_only() {
    let mut app = TestApp::spawn().await;
    let mut settings = settings("only");
    settings.retry_min = Duration::from_millis(20);
    settings.retry_max = Duration::from_millis(60);
    let mut relay = relay(&app, settings);
    append(&app.owner, "ill", 1).await;
    let poison = append_payload(&app.owner, "ill", r#"{"n": 2}"#).await;
    append(&app.owner, "ill", 3).await;
    append(&app.owner, "well", 1).await;
    append(&app.owner, "well", 2).await;

    relay.step().await.unwrap();
    relay.step().await.unwrap();
    let (order, _) = first_appearances(&stream(&mut app).await);
    assert_eq!(order["ill"], [1], "the third waits for the second");
    assert_eq!(order["well"], [1, 2], "others go on");

    until_drained(&app, &mut relay).await;
    let parked = "SELECT concat_ws('|', id, attempts, last_error, parked_at IS NOT NULL) FROM agent_outbox_pending";
    assert_eq!(
        app.text(parked).await,
        format!("{poison}|10|payload_without_brand|t")
    );
    let entries = stream(&mut app).await;
    let (order, repeated) = first_appearances(&entries);
    assert_eq!((order["ill"].as_slice(), repeated), (&[1, 3][..], 0));
    assert_eq!(app.metrics.outbox_parked_total.get(), 1);
    let refused = app
        .metrics
        .outbox_publish_failed_total
        .with_label_values(&["refused"]);
    assert_eq!(refused.get(), 10);
    let logs = app.logs.text();
    assert!(logs.contains("outbox row refused") && logs.contains("payload_without_brand"));
    app.finish().await;
}

#[tokio::test]
async fn q94_retries_back_off() {
    let app = TestApp::spawn().await;
    let mut settings = settings("only");
    settings.retry_min = Duration::from_secs(100);
    settings.retry_max = Duration::from_secs(300);
    let mut relay = relay(&app, settings);
    append_payload(&app.owner, "ill", "{}").await;
    for (attempts, pause) in [(1, 100), (2, 200), (3, 300), (4, 300)] {
        tokio::time::sleep(Duration::from_millis(25)).await;
        relay.step().await.unwrap();
        let found = "SELECT attempts FROM agent_outbox_pending";
        assert_eq!(
            app.count(&found.replace("attempts", "attempts::int8"))
                .await,
            attempts
        );
        let due = "SELECT round(extract(epoch FROM next_attempt_at - now()) / 10)::int8 * 10 FROM agent_outbox_pending";
        assert_eq!(app.count(due).await, pause);
        app.as_owner("UPDATE agent_outbox_pending SET next_attempt_at = now()")
            .await;
    }
    app.finish().await;
}

#[tokio::test]
async fn p166_q94_payloads_that_nothing_can_read_are_the_fault_of_their_own_row() {
    let mut app = TestApp::spawn().await;
    let deep = format!(
        r#"{{"brand_id": 1, "n": 1, "x": {}{}}}"#,
        "[".repeat(3_000),
        "]".repeat(3_000)
    );
    let large = format!(
        r#"{{"brand_id": 1, "n": 1, "x": "{}"}}"#,
        "y".repeat(300_000)
    );
    for (aggregate, payload) in [
        ("well-deep", deep.as_str()),
        ("well-number", r#"{"brand_id": 1, "n": 1, "x": 1e400}"#),
        ("payload_without_brand-1", r#"{"n": 1}"#),
        ("payload_without_brand-2", r#"{"brand_id": 2, "n": 1}"#),
        ("payload_without_brand-3", r#"{"brand_id": "1", "n": 1}"#),
        ("payload_without_brand-4", "[1]"),
        ("payload_without_brand-5", "null"),
        ("payload_too_large-1", large.as_str()),
    ] {
        append_payload(&app.owner, aggregate, payload).await;
    }
    let mut relay = relay(&app, settings("only"));
    until_drained(&app, &mut relay).await;
    let mut published: Vec<String> = stream(&mut app)
        .await
        .into_iter()
        .map(|mut entry| entry.remove("aggregate_id").unwrap())
        .collect();
    published.sort_unstable();
    assert_eq!(published, ["well-deep", "well-number"]);
    let wrong = "SELECT count(*) FROM agent_outbox_pending JOIN agent_outbox USING (id) \
                 WHERE split_part(aggregate_id, '-', 1) IS DISTINCT FROM last_error OR parked_at IS NULL";
    assert_eq!(app.count(wrong).await, 0);
    assert_eq!(app.metrics.outbox_parked_total.get(), 6);
    app.finish().await;
}

/// A stream that has one id left, and what was in it before. Redis then takes one entry and refuses
/// the next one: the only refusal of a single entry that it knows, of a size that we send.
async fn one_id_left(app: &mut TestApp, seen: &mut Vec<Entry>) {
    let entries = stream(app).await;
    seen.extend(entries.into_iter().filter(|e| e.contains_key("event_id")));
    let last = format!("{}-{}", u64::MAX, u64::MAX - 1);
    let (_, _): (i64, String) = redis::pipe()
        .cmd("DEL")
        .arg(agent_kv::keys::STREAM)
        .cmd("XADD")
        .arg(agent_kv::keys::STREAM)
        .arg(last)
        .arg("last")
        .arg("")
        .query_async(&mut app.redis)
        .await
        .unwrap();
}

/// An aggregate, other than this one, of its shard.
async fn neighbour_of(app: &TestApp, aggregate: &str) -> String {
    let search = format!(
        "SELECT 'n' || n FROM generate_series(1, 1000) n \
         WHERE (hashtextextended('test:n' || n, 0) & 15) = (hashtextextended('test:{aggregate}', 0) & 15) LIMIT 1"
    );
    app.text(&search).await
}

#[tokio::test]
async fn q94_a_row_that_redis_refuses_while_it_takes_its_neighbour_is_parked_after_its_attempts() {
    let mut app = TestApp::spawn().await;
    let mut settings = settings("only");
    settings.retry_min = Duration::from_millis(100);
    settings.retry_max = settings.retry_min;
    let mut relay = relay(&app, settings);
    let neighbour = neighbour_of(&app, "ill").await;
    // Ids below those of the rows behind them, to be used one by one.
    app.as_owner("SELECT setval('agent_outbox_id_seq', 1000)")
        .await;
    let poison = append(&app.owner, "ill", 1).await;
    append(&app.owner, "ill", 2).await;
    append(&app.owner, "ill", 3).await;
    let mut seen = Vec::new();
    for attempt in 1..=10 {
        one_id_left(&mut app, &mut seen).await;
        app.as_owner(&format!(
            "SELECT setval('agent_outbox_id_seq', {})",
            100 + attempt
        ))
        .await;
        append(&app.owner, &neighbour, attempt).await;
        app.as_owner("UPDATE agent_outbox_pending SET next_attempt_at = now() WHERE attempts > 0")
            .await;
        // What the neighbour left no room for is tried again, and then Redis takes nothing at all.
        relay.step().await.ok();
        let attempts = app
            .count(&format!(
                "SELECT attempts::int8 FROM agent_outbox_pending WHERE id = {poison}"
            ))
            .await;
        assert_eq!(attempts, attempt);
    }
    let said = done(&app, &["parked"]);
    assert!(said.contains("ERR") && said.contains("test:ill"), "{said}");
    assert_eq!(app.metrics.outbox_parked_total.get(), 1);
    one_id_left(&mut app, &mut seen).await;
    let () = redis::cmd("DEL")
        .arg(agent_kv::keys::STREAM)
        .query_async(&mut app.redis)
        .await
        .unwrap();
    until_drained(&app, &mut relay).await;
    seen.extend(stream(&mut app).await);
    let (order, repeated) = first_appearances(&seen);
    assert_eq!((order["ill"].as_slice(), repeated), (&[2, 3][..], 0));
    assert_eq!(order[&neighbour], (1..=10).collect::<Vec<_>>());
    done(&app, &["retry", &poison.to_string(), "--by", "eve"]);
    until_drained(&app, &mut relay).await;
    let (order, _) = first_appearances(&stream(&mut app).await);
    assert_eq!(order["ill"], [2, 3, 1]);
    // Of the streams that were there in between nothing is left.
    done(&app, &["replay", "--from", "1", "--by", "eve"]);
    until_drained(&app, &mut relay).await;
    app.finish().await;
}

#[tokio::test]
async fn q94_a_key_that_is_no_stream_parks_nothing_and_is_recovered_from() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    for n in 0..20 {
        append(&app.owner, &format!("a{}", n % 4), n).await;
    }
    let () = redis::cmd("SET")
        .arg(agent_kv::keys::STREAM)
        .arg("no stream")
        .query_async(&mut app.redis)
        .await
        .unwrap();
    for _ in 0..15 {
        let error = relay.step().await.unwrap_err();
        assert!(
            matches!(&error, RelayError::StreamFull(code) if code == "WRONGTYPE"),
            "{error}"
        );
    }
    let untouched =
        "SELECT count(*) FROM agent_outbox_pending WHERE attempts = 0 AND parked_at IS NULL";
    assert_eq!(app.count(untouched).await, 20);
    let failed = app
        .metrics
        .outbox_publish_failed_total
        .with_label_values(&["stream_full"]);
    assert_eq!(failed.get(), 15);
    let () = redis::cmd("DEL")
        .arg(agent_kv::keys::STREAM)
        .query_async(&mut app.redis)
        .await
        .unwrap();
    until_drained(&app, &mut relay).await;
    assert_eq!(assert_complete_in_order(&stream(&mut app).await, 20), 0);
    assert_eq!(waiting(&app).await, 0);
    app.finish().await;
}
