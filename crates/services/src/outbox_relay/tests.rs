use agent_kv::AppendError;
use chrono::DateTime;
use uuid::Uuid;

use super::*;

fn event(id: i64, payload: &str) -> PendingEvent {
    PendingEvent {
        place: PendingId { shard: 3, id },
        aggregate_hash: 1,
        attempts: 0,
        event_id: Uuid::nil(),
        event_type: "agent.withdraw.created".to_owned(),
        aggregate_type: "agent_withdraw".to_owned(),
        aggregate_id: "17".to_owned(),
        brand_id: 7,
        schema_version: 2,
        occurred_at: DateTime::UNIX_EPOCH,
        payload: payload.to_owned(),
    }
}

#[test]
fn p166_a_payload_that_does_not_name_its_brand_is_no_entry() {
    let deep = format!(
        r#"{{"brand_id": 7, "x": {}{}}}"#,
        "[".repeat(5_000),
        "]".repeat(5_000)
    );
    for (payload, reason) in [
        (r#"{"brand_id": 7}"#, None),
        // Numbers and depths that a value in memory could not hold are passed on as they are.
        (r#"{"x": 1e400, "brand_id": 7}"#, None),
        (&deep, None),
        (r#"{"brand_id": 8}"#, Some("payload_without_brand")),
        (r#"{"brand_id": "7"}"#, Some("payload_without_brand")),
        (r#"{"brand_id": null}"#, Some("payload_without_brand")),
        ("{}", Some("payload_without_brand")),
        ("[7]", Some("payload_without_brand")),
        ("7", Some("payload_without_brand")),
        ("null", Some("payload_without_brand")),
        (
            &format!(r#"{{"brand_id": 7, "x": "{}"}}"#, "y".repeat(256 * 1024)),
            Some("payload_too_large"),
        ),
    ] {
        let encoded = entry::encode(&event(1, payload));
        assert_eq!(encoded.as_ref().err().copied(), reason, "{payload:.60}");
        if let Ok(entry) = encoded {
            assert_eq!(entry.payload, payload);
        }
    }
}

#[test]
fn q94_a_row_is_blamed_only_where_redis_takes_others() {
    let events = [event(1, "{}"), event(2, "{}")];
    let rejected = || Err(AppendError::Rejected("ERR".to_owned()));
    let alone = Outcome::of(&events, vec![rejected(), Err(AppendError::HeldBack)]);
    assert!(alone.refused.is_empty());
    assert_eq!(alone.full.as_deref(), Some("ERR"));
    let among_others = Outcome::of(&events, vec![rejected(), Ok("1-0".to_owned())]);
    assert_eq!(among_others.refused.len(), 1);
    assert_eq!(among_others.full, None);
    assert_eq!(among_others.published, [events[1].place]);
}

#[test]
fn q94_retries_back_off_to_a_bound() {
    let settings = RelaySettings {
        instance: String::new(),
        batch: 1,
        lease: Duration::ZERO,
        poll: Duration::ZERO,
        publish_timeout: Duration::ZERO,
        retry_min: Duration::from_millis(200),
        retry_max: Duration::from_secs(30),
        park_after: 10,
        whole_pass_share: 20,
        whole_pass_every: Duration::ZERO,
    };
    let delays: Vec<u128> = [0, 1, 2, 7, 8, i16::MAX]
        .map(|attempts| retry_delay(&settings, attempts).as_millis())
        .to_vec();
    assert_eq!(delays, [200, 400, 800, 25_600, 30_000, 30_000]);
}
