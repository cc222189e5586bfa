//! The outbox tables: append in the business transaction, read and bookkeeping for the relay (Q-94).

mod lease;
mod operate;
mod pending;
mod upkeep;

use agent_domain::{DomainEvent, event::SCHEMA_VERSION};

pub use lease::{Lease, release_leases, renew_leases, surrender_lease};
pub use operate::{
    Holder, ParkedEvent, ReplayRange, ReplaySlice, Replayed, count_kept, highest_id, holders,
    parked,
};
pub use pending::{
    PendingEvent, PendingId, Place, mark_published, mark_refused, open_appends, read_batch,
};
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
