//! Kept events that are published again, before anything younger of their aggregates.
//!
//! Whoever feeds a shard takes its lease first, and shows the new epoch to the stream: from then on
//! nobody appends to it, and nothing is taken out of its unpublished set ([`mark_published`] asks for
//! the lease). So the set that the next publisher reads from its first id on holds every event that
//! was fed, and every younger one that is to follow.
//!
//! [`mark_published`]: super::mark_published

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{audit::AuditedTx, error::DbError, pool::Pool};

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
    /// Events of it that were not waiting already.
    pub fed: i64,
}

/// How many events a range holds, counted up to `most`.
///
/// # Errors
/// The statement failed.
pub async fn count_kept(pool: &Pool, range: &ReplayRange, most: i64) -> Result<i64, DbError> {
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

/// The shards that a range has events in, in their order.
///
/// # Errors
/// The statement failed.
pub async fn shards_kept(pool: &Pool, range: &ReplayRange) -> Result<Vec<i16>, DbError> {
    Ok(sqlx::query_scalar!(
        r#"
        SELECT DISTINCT shard FROM agent_outbox
        WHERE occurred_at >= $1 AND occurred_at < $2 AND id BETWEEN $3 AND $4 ORDER BY shard
        "#,
        range.times.0,
        range.times.1,
        range.ids.0,
        range.ids.1,
    )
    .fetch_all(pool)
    .await?)
}

/// Takes a shard from the worker that has it, and gives the new epoch, which is above `above`;
/// nothing when another replay has the shard. `owner` is no worker, and counts for none when the
/// shards are shared.
///
/// One shard at a time: relays lock several, in an order of their own.
///
/// # Errors
/// The statement failed.
pub async fn seize_lease(
    pool: &Pool,
    owner: &str,
    lease: Duration,
    shard: i16,
    above: i64,
) -> Result<Option<i64>, DbError> {
    Ok(sqlx::query_scalar!(
        r#"
        UPDATE outbox_lease l
        SET owner = $1, epoch = greatest(epoch, $4) + 1, expires_at = now() + make_interval(secs => $3)
        WHERE shard = $2 AND (owner IS NULL OR owner = $1 OR expires_at <= now()
                              OR EXISTS (SELECT FROM outbox_worker w WHERE w.owner = l.owner))
        RETURNING epoch
        "#,
        owner,
        shard,
        lease.as_secs_f64(),
        above,
    )
    .fetch_optional(pool)
    .await?)
}

impl AuditedTx<'_> {
    /// Keeps the shards that still are this owner's until the transaction ends, however long that
    /// takes; gives them in their order.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn keep_leases(&mut self, owner: &str) -> Result<Vec<i16>, DbError> {
        Ok(sqlx::query_scalar!(
            "SELECT shard FROM outbox_lease WHERE owner = $1 ORDER BY shard FOR UPDATE",
            owner
        )
        .fetch_all(self.tx().conn())
        .await?)
    }

    /// Puts kept events of some shards into the unpublished set once more, with the ids they have.
    /// Events that wait, or are parked, stay as they are.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn replay(
        &mut self,
        slice: &ReplaySlice,
        shards: &[i16],
    ) -> Result<Replayed, DbError> {
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
                WHERE shard = ANY ($8)
                ON CONFLICT DO NOTHING RETURNING id
            )
            SELECT (SELECT count(*) FROM fed) AS "fed!",
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
            shards,
        )
        .fetch_one(self.tx().conn())
        .await?;
        Ok(Replayed {
            last: row.last_at.zip(row.last_id),
            fed: row.fed,
        })
    }

    /// Gives this owner's shards free.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn free_leases(&mut self, owner: &str) -> Result<(), DbError> {
        sqlx::query!(
            "UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity' WHERE owner = $1",
            owner
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }
}
