//! The outbox tables: append in the business transaction, read and bookkeeping for the relay (Q-94).

use std::time::Duration;

use agent_domain::{DomainEvent, event::SCHEMA_VERSION};
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::PgPool;
use uuid::Uuid;

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
    pub event_id: Uuid,
    pub event_type: String,
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub brand_id: i64,
    pub schema_version: i16,
    pub occurred_at: DateTime<Utc>,
    pub payload: Value,
}

/// A shard that this instance may publish, and whether it has something to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub shard: i16,
    /// Rises whenever the shard changes hands.
    pub epoch: i64,
    pub has_work: bool,
}

/// Renews this instance's leases, takes free ones up to its fair share of the shards, gives up
/// what exceeds the share, and looks for work: the one statement of an idle second.
///
/// Call it only while no batch is in flight: a shard that is given up may be read elsewhere at
/// once.
///
/// # Errors
/// The statement failed; leases run out by themselves.
pub async fn renew_leases(
    pool: &PgPool,
    owner: &str,
    lease: Duration,
) -> Result<Vec<Lease>, DbError> {
    let seconds = lease.as_secs_f64();
    let rows = sqlx::query!(
        r#"
        WITH me AS (
            INSERT INTO outbox_worker (owner, expires_at) VALUES ($1, now() + make_interval(secs => $2))
            ON CONFLICT (owner) DO UPDATE SET expires_at = excluded.expires_at
        ), share AS (
            SELECT ceil(16.0 / (1 + count(*)))::bigint AS size
            FROM outbox_worker WHERE owner <> $1 AND expires_at > now()
        ), taken AS (
            SELECT shard FROM outbox_lease
            WHERE owner = $1 OR expires_at <= now()
            ORDER BY (owner = $1 AND expires_at > now()) IS TRUE DESC, shard
            LIMIT (SELECT size FROM share)
            FOR UPDATE SKIP LOCKED
        ), held AS (
            UPDATE outbox_lease l
            SET owner = $1,
                epoch = l.epoch + CASE WHEN l.owner = $1 AND l.expires_at > now() THEN 0 ELSE 1 END,
                expires_at = now() + make_interval(secs => $2)
            FROM taken WHERE l.shard = taken.shard
            RETURNING l.shard, l.epoch
        ), given_up AS (
            UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity'
            WHERE owner = $1 AND shard NOT IN (SELECT shard FROM taken)
        )
        SELECT held.shard AS "shard!", held.epoch AS "epoch!",
               EXISTS (SELECT FROM agent_outbox_pending p
                       WHERE p.shard = held.shard AND p.parked_at IS NULL
                         AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= now())) AS "has_work!"
        FROM held ORDER BY held.shard
        "#,
        owner,
        seconds,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Lease {
            shard: row.shard,
            epoch: row.epoch,
            has_work: row.has_work,
        })
        .collect())
}

/// Gives up every lease at once, so that another instance need not wait for them to run out.
///
/// # Errors
/// The statement failed; leases run out by themselves.
pub async fn release_leases(pool: &PgPool, owner: &str) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        WITH gone AS (DELETE FROM outbox_worker WHERE owner = $1 OR expires_at < now() - interval '1 day')
        UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity' WHERE owner = $1
        "#,
        owner,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// The oldest publishable events of some shards, in order within each shard. Skipped are parked
/// rows, rows whose retry is not due, and later rows of an aggregate that waits for a retry.
///
/// # Errors
/// The statement failed.
pub async fn read_batch(
    pool: &PgPool,
    shards: &[i16],
    limit: i64,
) -> Result<Vec<PendingEvent>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT p.shard, p.id, p.aggregate_hash, p.attempts, o.event_id, o.event_type, o.aggregate_type,
               o.aggregate_id, o.brand_id, o.schema_version, o.occurred_at, o.payload
        FROM unnest($1::smallint[]) AS wanted (shard)
        CROSS JOIN LATERAL (
            SELECT * FROM agent_outbox_pending p
            WHERE p.shard = wanted.shard AND p.parked_at IS NULL
              AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= now())
              AND NOT EXISTS (
                  SELECT FROM agent_outbox_pending earlier
                  WHERE earlier.shard = p.shard AND earlier.aggregate_hash = p.aggregate_hash
                    AND earlier.id < p.id AND earlier.attempts > 0 AND earlier.parked_at IS NULL
                    AND earlier.next_attempt_at > now())
            ORDER BY p.id LIMIT $2
        ) p
        JOIN agent_outbox o ON o.occurred_at = p.occurred_at AND o.id = p.id
        LIMIT $2
        "#,
        shards,
        limit,
    )
    .fetch_all(pool)
    .await?;
    let mut events: Vec<PendingEvent> = rows
        .into_iter()
        .map(|row| PendingEvent {
            place: PendingId {
                shard: row.shard,
                id: row.id,
            },
            aggregate_hash: row.aggregate_hash,
            attempts: row.attempts,
            event_id: row.event_id,
            event_type: row.event_type,
            aggregate_type: row.aggregate_type,
            aggregate_id: row.aggregate_id,
            brand_id: row.brand_id,
            schema_version: row.schema_version,
            occurred_at: row.occurred_at,
            payload: row.payload,
        })
        .collect();
    // The join may return them in any order; only the order within a shard matters.
    events.sort_unstable_by_key(|event| (event.place.shard, event.place.id));
    Ok(events)
}

/// Takes published events out of the unpublished set.
///
/// # Errors
/// The statement failed; the events will be published once more with the same `event_id`.
pub async fn mark_published(pool: &PgPool, published: &[PendingId]) -> Result<(), DbError> {
    let (shards, ids) = columns(published);
    sqlx::query!(
        r#"
        DELETE FROM agent_outbox_pending p USING unnest($1::smallint[], $2::bigint[]) AS done (shard, id)
        WHERE p.shard = done.shard AND p.id = done.id
        "#,
        &shards,
        &ids,
    )
    .execute(pool)
    .await?;
    Ok(())
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
    pool: &PgPool,
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

/// How far the relay is behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    pub pending: i64,
    pub parked: i64,
    /// Age of the oldest event that is neither published nor parked, in seconds.
    pub oldest_seconds: f64,
}

/// # Errors
/// The statement failed.
pub async fn backlog(pool: &PgPool) -> Result<Backlog, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT count(*) FILTER (WHERE parked_at IS NULL) AS "pending!",
               count(*) FILTER (WHERE parked_at IS NOT NULL) AS "parked!",
               coalesce(extract(epoch FROM now() - min(occurred_at) FILTER (WHERE parked_at IS NULL)), 0)::float8
                   AS "oldest!"
        FROM agent_outbox_pending
        "#
    )
    .fetch_one(pool)
    .await?;
    Ok(Backlog {
        pending: row.pending,
        parked: row.parked,
        oldest_seconds: row.oldest.max(0.0),
    })
}

/// Makes the partitions of the coming days and drops those whose events are all published and
/// older than the retention time. Tells (made, dropped).
///
/// # Errors
/// A statement failed.
pub async fn maintain_partitions(
    pool: &PgPool,
    days_ahead: i32,
    retention_days: i32,
) -> Result<(i32, i32), DbError> {
    let made = sqlx::query_scalar!(
        r#"SELECT agent_outbox_ensure_partitions($1) AS "made!""#,
        days_ahead
    )
    .fetch_one(pool)
    .await?;
    let dropped = sqlx::query_scalar!(
        r#"SELECT agent_outbox_drop_expired($1) AS "dropped!""#,
        retention_days
    )
    .fetch_one(pool)
    .await?;
    Ok((made, dropped))
}
