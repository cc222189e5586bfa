use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use redis::AsyncCommands;

use super::server::database;
use crate::{HeartbeatBody, keys};

fn body(instance: &str, second: i64) -> HeartbeatBody {
    let started_at = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    HeartbeatBody {
        instance: instance.to_owned(),
        at: started_at + TimeDelta::seconds(second),
        started_at,
        outbox_poller: true,
        leases_held: 16,
        published: 3,
    }
}

#[tokio::test]
async fn q18_p094_the_latest_heartbeats_are_found_newest_first() {
    let mut database = database().await;
    assert_eq!(database.kv.latest().await, Ok(Vec::new()));
    let ttl = Duration::from_secs(30);
    for beat in [body("a", 1), body("b", 2), body("a", 3)] {
        database.kv.beat(&beat, ttl).await.unwrap();
    }
    let expected = vec![body("a", 3), body("b", 2)];
    assert_eq!(database.kv.latest().await.unwrap(), expected);
    let left: u64 = database.raw.pttl(keys::heartbeat("a")).await.unwrap();
    assert!((29_000..=30_000).contains(&left), "{left}");
}

#[tokio::test]
async fn q18_p094_a_heartbeat_that_is_not_renewed_is_gone() {
    let database = database().await;
    let short = Duration::from_millis(200);
    database.kv.beat(&body("a", 1), short).await.unwrap();
    assert_eq!(database.kv.latest().await.unwrap().len(), 1);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(database.kv.latest().await, Ok(Vec::new()));
}

#[tokio::test]
async fn instances_that_are_long_gone_are_forgotten() {
    let mut database = database().await;
    let ttl = Duration::from_secs(30);
    database.kv.beat(&body("old", 0), ttl).await.unwrap();
    database.kv.beat(&body("new", 86_401), ttl).await.unwrap();
    let known: Vec<String> = database.raw.zrange(keys::HEARTBEATS, 0, -1).await.unwrap();
    assert_eq!(known, ["new"]);
}

#[tokio::test]
async fn heartbeats_of_other_versions_are_read_or_passed_over() {
    let mut database = database().await;
    let ttl = Duration::from_secs(30);
    for instance in ["broken", "older", "fine"] {
        database.kv.beat(&body(instance, 1), ttl).await.unwrap();
    }
    let older = r#"{"instance":"older","at":"2026-01-01T00:00:00Z",
                    "started_at":"2026-01-01T00:00:00Z","unheard_of":1}"#;
    let () = database
        .raw
        .set(keys::heartbeat("broken"), "{")
        .await
        .unwrap();
    let () = database
        .raw
        .set(keys::heartbeat("older"), older)
        .await
        .unwrap();
    let read = database.kv.latest().await.unwrap();
    let names: Vec<_> = read.iter().map(|body| body.instance.as_str()).collect();
    assert_eq!(names, ["older", "fine"]);
    assert_eq!(read[0].leases_held, 0);
}
