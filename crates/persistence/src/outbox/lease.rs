//! Who publishes which shard.

use std::time::Duration;

use super::Place;
use crate::{error::DbError, pool::Pool};

/// A shard that this instance may publish, and whether it has something to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub shard: i16,
    /// Rises whenever the shard changes hands.
    pub epoch: i64,
    pub has_work: bool,
}

/// Renews this instance's leases, takes free ones up to its fair share of the shards, gives up
/// what exceeds the share, and looks for work above the ids of `places`, or from the first one on in
/// shards that are not among them: the one statement of an idle second.
///
/// Call it only while no batch is in flight: a shard that is given up may be read elsewhere at
/// once. Leases that ran out are not given up but left to whoever locks them first: two instances
/// that gave up what the other one had just locked would wait for each other.
///
/// # Errors
/// The statement failed; leases run out by themselves.
pub async fn renew_leases(
    pool: &Pool,
    owner: &str,
    lease: Duration,
    places: &[Place],
) -> Result<Vec<Lease>, DbError> {
    let seconds = lease.as_secs_f64();
    let shards: Vec<i16> = places.iter().map(|place| place.shard).collect();
    let afters: Vec<i64> = places.iter().map(|place| place.after).collect();
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
            WHERE owner = $1 AND expires_at > now() AND shard NOT IN (SELECT shard FROM taken)
        )
        SELECT held.shard AS "shard!", held.epoch AS "epoch!",
               EXISTS (SELECT FROM agent_outbox_pending p
                       WHERE p.shard = held.shard AND p.id > coalesce(known.after, 0) AND p.parked_at IS NULL
                         AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= now())) AS "has_work!"
        FROM held LEFT JOIN unnest($3::smallint[], $4::bigint[]) AS known (shard, after) ON known.shard = held.shard
        ORDER BY held.shard
        "#,
        owner,
        seconds,
        &shards,
        &afters,
    )
    .fetch_all(pool)
    .await?;
    let leases = rows.into_iter().map(|row| Lease {
        shard: row.shard,
        epoch: row.epoch,
        has_work: row.has_work,
    });
    Ok(leases.collect())
}

/// Gives up a shard whose epoch the stream knows a higher one of, and raises the epoch to that one:
/// whoever takes the shard next is above it. The stream is ahead when somebody else took the shard
/// over, and then it is not ours to give up; or when this database was restored from a backup.
///
/// # Errors
/// The statement failed.
pub async fn surrender_lease(
    pool: &Pool,
    owner: &str,
    shard: i16,
    epoch: i64,
) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity', epoch = greatest(epoch, $3)
        WHERE shard = $2 AND owner = $1
        "#,
        owner,
        shard,
        epoch,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Gives up every lease at once, so that another instance need not wait for them to run out.
///
/// # Errors
/// The statement failed; leases run out by themselves.
pub async fn release_leases(pool: &Pool, owner: &str) -> Result<(), DbError> {
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
