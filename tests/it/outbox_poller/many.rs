//! Several events appended at once.

use agent_domain::DomainEvent;
use agent_persistence::outbox;
use agent_testkit::TestApp;
use uuid::Uuid;

/// Every example so often, each time as an event of its own.
fn events(times: usize) -> Vec<DomainEvent> {
    let examples = std::iter::repeat_n(DomainEvent::examples(), times).flatten();
    let fresh = |event: DomainEvent| DomainEvent {
        event_id: Uuid::new_v4(),
        ..event
    };
    examples.map(fresh).collect()
}

/// Rows with their place in the unpublished set, without what differs between any two.
const ROWS: &str = "\
SELECT string_agg(concat_ws(' ', o.shard, p.aggregate_hash, p.attempts, p.occurred_at = o.occurred_at, o.event_type, \
                            o.aggregate_type, o.aggregate_id, o.brand_id, o.schema_version, o.occurred_at, o.payload), \
                  E'\\n' ORDER BY o.id) \
FROM agent_outbox o JOIN agent_outbox_pending p ON (p.shard, p.id) = (o.shard, o.id)";

#[tokio::test]
async fn p090_q94_many_events_at_once_are_stored_like_one_after_the_other() {
    let app = TestApp::spawn().await;
    // More than one statement takes.
    let events = events(60);
    assert!(events.len() > 400);
    let db = &app.app.core.db;
    let mut tx = db.begin().await.unwrap();
    outbox::append_all(&mut tx, &[]).await.unwrap();
    outbox::append_all(&mut tx, &events).await.unwrap();
    let committed = tx.commit().await.unwrap();
    assert_eq!(committed.events, events.len());
    let ids: Vec<Uuid> = sqlx::query_scalar("SELECT event_id FROM agent_outbox ORDER BY id")
        .fetch_all(&app.owner)
        .await
        .unwrap();
    let asked: Vec<Uuid> = events.iter().map(|event| event.event_id).collect();
    assert_eq!(ids, asked, "the order of the ids is that of the events");
    let at_once = app.text(ROWS).await;

    app.as_owner(
        "ALTER TABLE agent_outbox DISABLE TRIGGER ALL; DELETE FROM agent_outbox; DELETE FROM agent_outbox_pending; \
         ALTER TABLE agent_outbox ENABLE TRIGGER ALL",
    )
    .await;
    let mut tx = db.begin().await.unwrap();
    for event in &events {
        outbox::append(&mut tx, event).await.unwrap();
    }
    assert_eq!(tx.commit().await.unwrap().events, events.len());
    assert_eq!(app.text(ROWS).await, at_once);
    assert_eq!(app.drain_outbox().await, events.len());
    app.finish().await;
}

#[tokio::test]
async fn p090_many_events_of_a_transaction_that_ends_otherwise_are_none() {
    let app = TestApp::spawn().await;
    let mut tx = app.app.core.db.begin().await.unwrap();
    outbox::append_all(&mut tx, &events(3)).await.unwrap();
    tx.rollback().await.unwrap();
    let rows =
        "SELECT (SELECT count(*) FROM agent_outbox) + (SELECT count(*) FROM agent_outbox_pending)";
    assert_eq!(app.count(rows).await, 0);
    app.finish().await;
}
