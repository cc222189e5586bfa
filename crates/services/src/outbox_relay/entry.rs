//! An outbox row as consumers read it.

use agent_domain::event::timestamp;
use agent_kv::StreamEntry;
use agent_persistence::outbox::PendingEvent;
use serde::Deserialize;

/// Larger payloads are refused: a stream entry is a notice, not a file.
const MAX_PAYLOAD_BYTES: usize = 256 * 1024;

/// The one member that the relay looks at.
#[derive(Deserialize)]
struct Named {
    brand_id: i64,
}

/// Checks what consumers rely on: an object that names its brand, of a bounded size (P-166). Gives
/// the reason why a row cannot be an entry.
pub(super) fn check(event: &PendingEvent) -> Result<(), &'static str> {
    let payload = &event.payload;
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err("payload_too_large");
    }
    // An array would be read as the members in their order.
    let object = payload.starts_with('{');
    let named = serde_json::from_str::<Named>(payload).ok();
    if named.filter(|_| object).map(|named| named.brand_id) != Some(event.brand_id) {
        return Err("payload_without_brand");
    }
    Ok(())
}

/// The entry of a row that was checked.
pub(super) fn of(event: PendingEvent) -> StreamEntry {
    StreamEntry {
        event_id: event.event_id.to_string(),
        event_type: event.event_type,
        aggregate_type: event.aggregate_type,
        aggregate_id: event.aggregate_id,
        brand_id: event.brand_id.to_string(),
        schema_version: event.schema_version.to_string(),
        occurred_at: timestamp(event.occurred_at),
        payload: event.payload,
    }
}
