//! The set of unpublished events.

use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{error::DbError, pool::Pool};

/// Where a pending event stands in the bookkeeping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PendingId {
    pub shard: i16,
    pub id: i64,
}

/// An event that waits to be published.
#[derive(Clone, Debug)]
pub struct PendingEvent {
    pub place: PendingId,
    /// Identifies the aggregate within its shard.
    pub aggregate_hash: i64,
    pub attempts: i16,
    /// Some row of the shard waits for a retry.
    pub shard_retries: bool,
    pub event_id: Uuid,
    pub event_type: String,
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub brand_id: i64,
    pub schema_version: i16,
    pub occurred_at: DateTime<Utc>,
    /// JSON as the database writes it; not read on the way, so that a payload that nothing can
    /// read is the fault of its own row only.
    pub payload: String,
}

/// Where to look for events of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub shard: i16,
    /// Only ids above this one.
    pub after: i64,
}

/// The oldest publishable events of some shards, in order within each shard, and the shards in the
/// order given: all that the first one has, then the next one's, up to `limit`. Skipped are parked
/// rows, rows whose retry is not due, and later rows of an aggregate that waits for a retry.
///
/// # Errors
/// The statement failed.
pub async fn read_batch(
    pool: &Pool,
    places: &[Place],
    limit: i64,
) -> Result<Vec<PendingEvent>, DbError> {
    let shards: Vec<i16> = places.iter().map(|place| place.shard).collect();
    let afters: Vec<i64> = places.iter().map(|place| place.after).collect();
    // The limit cuts the ordered ids, never the join: of a join, whose rows come in any order, it
    // could take a later event of an aggregate without the earlier one. Whether the shard has
    // retries at all is asked once (OFFSET 0 keeps it from being asked for each row).
    let rows = sqlx::query!(
        r#"
        WITH picked AS MATERIALIZED (
            SELECT p.shard, p.id, p.occurred_at, p.aggregate_hash, p.attempts, retries.wait, wanted.turn
            FROM unnest($1::smallint[], $2::bigint[]) WITH ORDINALITY AS wanted (shard, after, turn)
            CROSS JOIN LATERAL (
                SELECT EXISTS (SELECT FROM agent_outbox_pending r
                               WHERE r.shard = wanted.shard AND r.attempts > 0 AND r.parked_at IS NULL) AS wait
                OFFSET 0
            ) retries
            CROSS JOIN LATERAL (
                SELECT * FROM agent_outbox_pending p
                WHERE p.shard = wanted.shard AND p.id > wanted.after AND p.parked_at IS NULL
                  AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= now())
                  AND NOT (retries.wait AND EXISTS (
                      SELECT FROM agent_outbox_pending earlier
                      WHERE earlier.shard = p.shard AND earlier.aggregate_hash = p.aggregate_hash
                        AND earlier.id < p.id AND earlier.attempts > 0 AND earlier.parked_at IS NULL
                        AND (earlier.next_attempt_at > now() OR earlier.id <= wanted.after)))
                ORDER BY p.id LIMIT $3
            ) p
            ORDER BY wanted.turn, p.id LIMIT $3
        )
        SELECT p.shard AS "shard!", p.id AS "id!", p.aggregate_hash AS "aggregate_hash!", p.attempts AS "attempts!",
               p.wait AS "wait!", p.turn AS "turn!",
               o.event_id, o.event_type, o.aggregate_type, o.aggregate_id, o.brand_id, o.schema_version,
               o.occurred_at, o.payload::text AS "payload!"
        FROM picked p
        JOIN agent_outbox o ON o.occurred_at = p.occurred_at AND o.id = p.id
        "#,
        &shards,
        &afters,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let mut events: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let event = PendingEvent {
                place: PendingId {
                    shard: row.shard,
                    id: row.id,
                },
                aggregate_hash: row.aggregate_hash,
                attempts: row.attempts,
                shard_retries: row.wait,
                event_id: row.event_id,
                event_type: row.event_type,
                aggregate_type: row.aggregate_type,
                aggregate_id: row.aggregate_id,
                brand_id: row.brand_id,
                schema_version: row.schema_version,
                occurred_at: row.occurred_at,
                payload: row.payload,
            };
            (row.turn, event)
        })
        .collect();
    events.sort_unstable_by_key(|(turn, event)| (*turn, event.place.id));
    Ok(events.into_iter().map(|(_, event)| event).collect())
}

/// The transactions that have appended an event, or are about to, and have not ended: each may
/// still commit a row with an id below one that is known. Their virtual ids, which no two
/// transactions share while either runs.
///
/// They hold a lock on the outbox from before they take an id until their end. Transactions that
/// do something else, however long they are open, are not among them.
///
/// # Errors
/// The statement failed.
pub async fn open_appends(pool: &Pool) -> Result<Vec<String>, DbError> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT virtualtransaction AS "id!" FROM pg_locks
        WHERE locktype = 'relation' AND relation = 'agent_outbox'::regclass
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND mode = 'RowExclusiveLock'
        "#
    )
    .fetch_all(pool)
    .await?)
}

/// Takes published events out of the unpublished set, of shards whose epoch still is the one that is
/// given with them: whoever took a shard over since may have put the events in again. Tells whether
/// all of them were taken out.
///
/// The lock on the lease lets nobody take the shard over in the meantime, and shows the epoch as it
/// is when the lock is there, not as it was when the statement began.
///
/// # Errors
/// The statement failed; the events will be published once more with the same `event_id`.
pub async fn mark_published(
    pool: &Pool,
    epochs: &[(i16, i64)],
    published: &[PendingId],
) -> Result<bool, DbError> {
    let (shards, ids) = columns(published);
    let (held, held_epochs): (Vec<i16>, Vec<i64>) = epochs.iter().copied().unzip();
    let noted = sqlx::query!(
        r#"
        WITH held AS MATERIALIZED (
            SELECT l.shard FROM outbox_lease l
            JOIN unnest($3::smallint[], $4::bigint[]) AS known (shard, epoch)
              ON known.shard = l.shard AND known.epoch = l.epoch
            ORDER BY l.shard FOR SHARE OF l
        )
        DELETE FROM agent_outbox_pending p USING unnest($1::smallint[], $2::bigint[]) AS done (shard, id)
        WHERE p.shard = done.shard AND p.id = done.id AND done.shard = ANY (ARRAY(SELECT shard FROM held))
        "#,
        &shards,
        &ids,
        &held,
        &held_epochs,
    )
    .execute(pool)
    .await?;
    let all = u64::try_from(ids.len());
    Ok(all.is_ok_and(|all| noted.rows_affected() == all))
}

fn columns(places: &[PendingId]) -> (Vec<i16>, Vec<i64>) {
    places.iter().map(|place| (place.shard, place.id)).unzip()
}

/// Notes that an event was refused: it is tried again after `retry_after`, or parked when
/// `park` says so. Tells whether the row was still pending.
///
/// # Errors
/// The statement failed.
pub async fn mark_refused(
    pool: &Pool,
    place: PendingId,
    reason: &str,
    retry_after: Duration,
    park: bool,
) -> Result<bool, DbError> {
    let marked = sqlx::query!(
        r#"
        UPDATE agent_outbox_pending
        SET attempts = attempts + 1, last_error = $3, next_attempt_at = now() + make_interval(secs => $4),
            parked_at = CASE WHEN $5 THEN now() END
        WHERE shard = $1 AND id = $2 AND parked_at IS NULL
        "#,
        place.shard,
        place.id,
        reason,
        retry_after.as_secs_f64(),
        park,
    )
    .execute(pool)
    .await?;
    Ok(marked.rows_affected() == 1)
}
