//! The outbox tables: append in the business transaction, read and bookkeeping for the relay (Q-94).

mod lease;
mod operate;
mod pending;
mod replay;
mod upkeep;

use agent_domain::{DomainEvent, event::SCHEMA_VERSION};

pub use lease::{Lease, release_leases, renew_leases, surrender_lease};
pub use operate::{Holder, ParkedEvent, holders, parked};
pub use pending::{
    PendingEvent, PendingId, Place, mark_published, mark_refused, open_appends, read_batch,
};
pub use replay::{ReplayRange, ReplaySlice, Replayed, count_kept, seize_lease, shards_kept};
pub use upkeep::{Backlog, backlog, maintain_partitions};

use crate::{error::DbError, tx::Tx};

/// Number of shards; an aggregate always falls into the same one.
pub const SHARDS: i16 = 16;

/// Appends an event to the transaction that makes it true. Call it after the row lock on the
/// aggregate: ids of one aggregate then commit in order.
///
/// # Errors
/// The statement failed; the transaction must not commit.
pub async fn append(tx: &mut Tx, event: &DomainEvent) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        WITH place AS (SELECT hashtextextended($3 || ':' || $4, 0) AS hash),
        event AS (
            INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id,
                                      brand_id, schema_version, payload)
            SELECT $1, $2, (hash & 15)::smallint, $5, $3, $4, $6, $7, $8 FROM place
            RETURNING shard, id, occurred_at
        )
        INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash)
        SELECT event.shard, event.id, event.occurred_at, place.hash FROM event, place
        "#,
        event.occurred_at,
        event.event_id,
        event.aggregate_type(),
        event.aggregate_id(),
        event.event_type(),
        event.brand_id.0,
        SCHEMA_VERSION,
        event.payload(),
    )
    .execute(tx.conn())
    .await?;
    tx.count_event();
    Ok(())
}

/// Events that one statement appends: bounds the memory of a statement, whatever is asked for.
const AT_ONCE: usize = 200;

/// As [`append`], for several events, in their order, with one statement for each two hundred.
///
/// # Errors
/// As [`append`].
pub async fn append_all(tx: &mut Tx, events: &[DomainEvent]) -> Result<(), DbError> {
    for events in events.chunks(AT_ONCE) {
        append_chunk(tx, events).await?;
    }
    Ok(())
}

async fn append_chunk(tx: &mut Tx, events: &[DomainEvent]) -> Result<(), DbError> {
    let occurred_at: Vec<_> = events.iter().map(|event| event.occurred_at).collect();
    let event_id: Vec<_> = events.iter().map(|event| event.event_id).collect();
    let event_type: Vec<_> = events.iter().map(|e| e.event_type().to_owned()).collect();
    let aggregate_type: Vec<_> = events
        .iter()
        .map(|e| e.aggregate_type().to_owned())
        .collect();
    let aggregate_id: Vec<_> = events.iter().map(DomainEvent::aggregate_id).collect();
    let brand_id: Vec<_> = events.iter().map(|event| event.brand_id.0).collect();
    let payload: Vec<_> = events.iter().map(DomainEvent::payload).collect();
    // The order of the rows is the order of their ids: those of one aggregate follow each other.
    sqlx::query!(
        r#"
        WITH event AS (
            INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id,
                                      brand_id, schema_version, payload)
            SELECT e.occurred_at, e.event_id, (hashtextextended(e.aggregate_type || ':' || e.aggregate_id, 0) & 15)::smallint,
                   e.event_type, e.aggregate_type, e.aggregate_id, e.brand_id, $8, e.payload
            FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::jsonb[])
                 WITH ORDINALITY AS e (occurred_at, event_id, event_type, aggregate_type, aggregate_id, brand_id,
                                       payload, place)
            ORDER BY e.place
            RETURNING shard, id, occurred_at, hashtextextended(aggregate_type || ':' || aggregate_id, 0) AS hash
        )
        INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash)
        SELECT shard, id, occurred_at, hash FROM event
        "#,
        &occurred_at,
        &event_id,
        &event_type,
        &aggregate_type,
        &aggregate_id,
        &brand_id,
        &payload,
        SCHEMA_VERSION,
    )
    .execute(tx.conn())
    .await?;
    for _ in events {
        tx.count_event();
    }
    Ok(())
}
