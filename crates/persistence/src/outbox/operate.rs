//! What operators ask of the outbox, and do to it.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::{audit::AuditedTx, error::DbError};

/// Who publishes a shard.
#[derive(Clone, Debug)]
pub struct Holder {
    pub shard: i16,
    /// The worker's name and a number of its own.
    pub owner: Option<String>,
    pub epoch: i64,
    /// False when the lease ran out: nobody publishes the shard.
    pub is_valid: bool,
}

/// Who publishes which shard.
///
/// # Errors
/// The statement failed.
pub async fn holders(pool: &PgPool) -> Result<Vec<Holder>, DbError> {
    Ok(sqlx::query_as!(
        Holder,
        r#"SELECT shard, owner, epoch, expires_at > now() AS "is_valid!" FROM outbox_lease ORDER BY shard"#
    )
    .fetch_all(pool)
    .await?)
}

/// An event that was set aside.
#[derive(Clone, Debug)]
pub struct ParkedEvent {
    pub id: i64,
    pub shard: i16,
    pub parked_at: DateTime<Utc>,
    pub attempts: i16,
    /// Why it was refused: a stable code, never a value.
    pub reason: Option<String>,
    pub event_id: uuid::Uuid,
    pub event_type: String,
    pub aggregate_type: String,
    pub aggregate_id: String,
    pub brand_id: i64,
}

/// The events that are set aside, the oldest first.
///
/// # Errors
/// The statement failed.
pub async fn parked(pool: &PgPool, limit: i64) -> Result<Vec<ParkedEvent>, DbError> {
    Ok(sqlx::query_as!(
        ParkedEvent,
        r#"
        SELECT p.id, p.shard, p.parked_at AS "parked_at!", p.attempts, p.last_error AS reason, o.event_id,
               o.event_type, o.aggregate_type, o.aggregate_id, o.brand_id
        FROM agent_outbox_pending p
        JOIN agent_outbox o ON o.occurred_at = p.occurred_at AND o.id = p.id
        WHERE p.parked_at IS NOT NULL ORDER BY p.parked_at, p.id LIMIT $1
        "#,
        limit,
    )
    .fetch_all(pool)
    .await?)
}

/// Kept events that are to be published again.
#[derive(Clone, Copy, Debug)]
pub struct ReplayRange {
    /// Instants of the changes, the first one included and the last one not.
    pub times: (DateTime<Utc>, DateTime<Utc>),
    /// Ids, both included.
    pub ids: (i64, i64),
}

/// A part of a range.
#[derive(Clone, Copy, Debug)]
pub struct ReplaySlice {
    pub range: ReplayRange,
    /// Only what follows this place.
    pub after: (DateTime<Utc>, i64),
    /// Most events.
    pub limit: i64,
}

/// What a slice held.
#[derive(Clone, Copy, Debug)]
pub struct Replayed {
    /// Its last event; `None` = it held none.
    pub last: Option<(DateTime<Utc>, i64)>,
    pub found: i64,
    /// Those of them that were not waiting already.
    pub fed: i64,
}

/// How many events a range holds, counted up to `most`.
///
/// # Errors
/// The statement failed.
pub async fn count_kept(pool: &PgPool, range: &ReplayRange, most: i64) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM agent_outbox
            WHERE occurred_at >= $1 AND occurred_at < $2 AND id BETWEEN $3 AND $4 LIMIT $5) AS kept
        "#,
        range.times.0,
        range.times.1,
        range.ids.0,
        range.ids.1,
        most,
    )
    .fetch_one(pool)
    .await?)
}

/// The highest id that was given to an event, committed or not.
///
/// # Errors
/// The statement failed.
pub async fn highest_id(pool: &PgPool) -> Result<i64, DbError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(pg_sequence_last_value('agent_outbox_id_seq'), 0) AS "id!""#
    )
    .fetch_one(pool)
    .await?)
}

impl AuditedTx<'_> {
    /// Lets parked events be tried again, the given ones or all of them; gives how many were parked.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn retry_parked(&mut self, ids: Option<&[i64]>) -> Result<u64, DbError> {
        let changed = sqlx::query!(
            r#"
            UPDATE agent_outbox_pending
            SET parked_at = NULL, attempts = 0, next_attempt_at = NULL, last_error = NULL
            WHERE parked_at IS NOT NULL AND ($1::bigint[] IS NULL OR id = ANY ($1))
            "#,
            ids,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(changed.rows_affected())
    }

    /// Puts kept events into the unpublished set once more, with the ids they have. Events that
    /// wait, or are parked, stay as they are.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn replay(&mut self, slice: &ReplaySlice) -> Result<Replayed, DbError> {
        let range = &slice.range;
        let row = sqlx::query!(
            r#"
            WITH kept AS MATERIALIZED (
                SELECT shard, id, occurred_at, aggregate_type, aggregate_id FROM agent_outbox
                WHERE occurred_at >= $1 AND occurred_at < $2 AND id BETWEEN $3 AND $4
                  AND (occurred_at, id) > ($5, $6)
                ORDER BY occurred_at, id LIMIT $7
            ), fed AS (
                INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash)
                SELECT shard, id, occurred_at, hashtextextended(aggregate_type || ':' || aggregate_id, 0) FROM kept
                ON CONFLICT DO NOTHING RETURNING id
            )
            SELECT (SELECT count(*) FROM kept) AS "found!", (SELECT count(*) FROM fed) AS "fed!",
                   (SELECT occurred_at FROM kept ORDER BY occurred_at DESC, id DESC LIMIT 1) AS last_at,
                   (SELECT id FROM kept ORDER BY occurred_at DESC, id DESC LIMIT 1) AS last_id
            "#,
            range.times.0,
            range.times.1,
            range.ids.0,
            range.ids.1,
            slice.after.0,
            slice.after.1,
            slice.limit,
        )
        .fetch_one(self.tx().conn())
        .await?;
        Ok(Replayed {
            last: row.last_at.zip(row.last_id),
            found: row.found,
            fed: row.fed,
        })
    }
}
