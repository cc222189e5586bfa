//! What appears in the stream, and what does not.

use std::{collections::BTreeSet, time::Duration};

use agent_services::outbox_relay::Step;
use agent_testkit::{TestApp, probe};
use serde_json::{Value, json};

use super::rows::{append, first_appearances, relay, settings, stream, until_drained, waiting};

const FIELDS: [&str; 8] = [
    "aggregate_id",
    "aggregate_type",
    "brand_id",
    "event_id",
    "event_type",
    "occurred_at",
    "payload",
    "schema_version",
];

#[tokio::test]
async fn p090_p166_p167_q19_each_event_appears_once_with_exactly_the_fields_of_its_row() {
    let mut app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let payee = app.payee("fields", &brand, "5000").await;
    let number = payee.session.withdrawn("1500", payee.card).await;
    assert_eq!(payee.session.cancel(&number).await.status, 200);
    assert_eq!(app.drain_outbox().await, 3);
    assert_eq!(app.drain_outbox().await, 0);

    let entries = probe::stream(&mut app.redis).await;
    let types: Vec<&str> = entries.iter().map(|e| e["event_type"].as_str()).collect();
    let of_order: Vec<&str> = types
        .iter()
        .copied()
        .filter(|t| t.contains("withdraw"))
        .collect();
    assert_eq!(
        of_order,
        ["agent.withdraw.created", "agent.withdraw.status_changed"]
    );
    assert_eq!(entries.len(), 3);
    for entry in &entries {
        let names: BTreeSet<&str> = entry.keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(FIELDS));
        let row: Value = serde_json::from_str(
            &app.text(&format!(
                "SELECT jsonb_build_object('event_type', event_type, 'aggregate_type', aggregate_type, \
                   'aggregate_id', aggregate_id, 'brand_id', brand_id::text, \
                   'schema_version', schema_version::text, 'payload', payload, \
                   'occurred_at', to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))::text \
                 FROM agent_outbox WHERE event_id = '{}'",
                entry["event_id"]
            ))
            .await,
        )
        .unwrap();
        let payload: Value = serde_json::from_str(&entry["payload"]).unwrap();
        assert_eq!(payload, row["payload"]);
        assert_eq!(payload["brand_id"], json!(brand.id.0));
        for field in FIELDS
            .into_iter()
            .filter(|f| !["event_id", "payload"].contains(f))
        {
            assert_eq!(row[field], entry[field], "{field}");
        }
        assert_eq!(entry["schema_version"], "2");
        let id: uuid::Uuid = entry["event_id"].parse().unwrap();
        assert_eq!(id.get_version_num(), 7);
    }
    app.finish().await;
}

/// Consumers parse these texts, so they are spelt out.
#[tokio::test]
async fn p167_q19_the_envelope_on_the_wire() {
    let mut app = TestApp::spawn().await;
    app.as_owner(
        "WITH event AS (INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, \
           aggregate_id, brand_id, schema_version, payload) \
         VALUES ('2026-04-28 10:00:00.123456Z', '01966f1d-5f40-7000-8000-000000000001', \
                 (hashtextextended('agent_withdraw:17', 0) & 15)::smallint, 'agent.withdraw.created', 'agent_withdraw', \
                 '17', 7, 2, '{\"brand_id\":7,\"amount\":\"1500.0000\"}') RETURNING shard, id, occurred_at) \
         INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
         SELECT shard, id, occurred_at, hashtextextended('agent_withdraw:17', 0) FROM event",
    )
    .await;
    assert_eq!(app.drain_outbox().await, 1);
    let mut entry = probe::stream(&mut app.redis).await.remove(0);
    let payload: Value = serde_json::from_str(&entry.remove("payload").unwrap()).unwrap();
    assert_eq!(payload, json!({ "brand_id": 7, "amount": "1500.0000" }));
    let expected = [
        ("event_id", "01966f1d-5f40-7000-8000-000000000001"),
        ("event_type", "agent.withdraw.created"),
        ("aggregate_type", "agent_withdraw"),
        ("aggregate_id", "17"),
        ("brand_id", "7"),
        ("schema_version", "2"),
        ("occurred_at", "2026-04-28T10:00:00.123456Z"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(entry, expected.into_iter().collect());
    app.finish().await;
}

#[tokio::test]
async fn p091_rolled_back_rows_are_never_published() {
    let mut app = TestApp::spawn().await;
    let mut undone = app.owner.begin().await.unwrap();
    append(&mut *undone, "undone", 1).await;
    append(&app.owner, "done", 2).await;
    let mut relay = relay(&app, settings("only"));
    until_drained(&app, &mut relay).await;
    undone.rollback().await.unwrap();
    assert_eq!(relay.step().await.unwrap(), Step::Idle);
    let (order, repeated) = first_appearances(&stream(&mut app).await);
    assert_eq!(order, [("done".to_owned(), vec![2])].into());
    assert_eq!(repeated, 0);
    app.finish().await;
}

#[tokio::test]
async fn q94_an_open_transaction_delays_nobody_and_its_lower_id_is_published_when_it_commits() {
    let mut app = TestApp::spawn().await;
    let mut late = app.owner.begin().await.unwrap();
    let low = append(&mut *late, "late", 1).await;
    // Every shard has an event above the one that is held back.
    for n in 0..64 {
        let id = append(&app.owner, &format!("quick-{n}"), n).await;
        assert!(id > low);
    }
    let mut relay = relay(&app, settings("only"));
    until_drained(&app, &mut relay).await;
    assert_eq!(stream(&mut app).await.len(), 64);
    append(&mut *late, "late", 2).await;
    late.commit().await.unwrap();
    until_drained(&app, &mut relay).await;
    let (order, repeated) = first_appearances(&stream(&mut app).await);
    assert_eq!((order["late"].as_slice(), repeated), (&[1, 2][..], 0));
    app.finish().await;
}

/// While reading everything is dear, reading begins above a floor. Neither an event below it nor
/// the order within its aggregate may be lost.
#[tokio::test]
async fn q94_a_late_commit_below_the_floor_is_published_before_its_aggregates_later_events() {
    let mut app = TestApp::spawn().await;
    let mut settings = settings("only");
    // Every pass counts as too dear to be repeated for 300 ms.
    settings.whole_pass_share = u32::MAX;
    settings.whole_pass_every = Duration::from_millis(300);
    let mut relay = relay(&app, settings);
    let mut late = app.owner.begin().await.unwrap();
    append(&mut *late, "late", 1).await;
    // Enough passes for a floor above the row, if one were set in spite of its transaction.
    for n in 0..8 {
        append(&app.owner, "quick", n).await;
        until_drained(&app, &mut relay).await;
        tokio::time::sleep(Duration::from_millis(120)).await;
        relay.step().await.unwrap();
    }
    late.commit().await.unwrap();
    append(&app.owner, "late", 2).await;
    until_drained(&app, &mut relay).await;
    let (order, _) = first_appearances(&stream(&mut app).await);
    assert_eq!(order["late"], [1, 2]);
    assert_eq!(waiting(&app).await, 0);
    app.finish().await;
}
