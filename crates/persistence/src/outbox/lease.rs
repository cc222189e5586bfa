//! Who publishes which shard.

use std::time::Duration;

use sqlx::PgPool;

use crate::error::DbError;

/// A shard that this instance may publish, and whether it has something to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    pub shard: i16,
    /// Rises whenever the shard changes hands.
    pub epoch: i64,
    pub has_work: bool,
}

/// Two transaction numbers that tell when a row can no longer appear below a known id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// Of the renewal itself: above that of every transaction that took an id before it.
    pub own: i64,
    /// Every transaction below this one has ended, and what it committed was seen.
    pub oldest_running: i64,
}

/// What a renewal found.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    pub leases: Vec<Lease>,
    pub horizon: Horizon,
}

/// Renews this instance's leases, takes free ones up to its fair share of the shards, gives up
/// what exceeds the share, and looks for work above the id `after`: the one statement of an idle
/// second.
///
/// Call it only while no batch is in flight: a shard that is given up may be read elsewhere at
/// once. Leases that ran out are not given up but left to whoever locks them first: two instances
/// that gave up what the other one had just locked would wait for each other.
///
/// # Errors
/// The statement failed; leases run out by themselves.
pub async fn renew_leases(
    pool: &PgPool,
    owner: &str,
    lease: Duration,
    after: i64,
) -> Result<Renewal, DbError> {
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
            WHERE owner = $1 AND expires_at > now() AND shard NOT IN (SELECT shard FROM taken)
        )
        SELECT held.shard AS "shard!", held.epoch AS "epoch!",
               EXISTS (SELECT FROM agent_outbox_pending p
                       WHERE p.shard = held.shard AND p.id > $3 AND p.parked_at IS NULL
                         AND (p.next_attempt_at IS NULL OR p.next_attempt_at <= now())) AS "has_work!",
               pg_current_xact_id()::text::bigint AS "own!",
               pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS "oldest_running!"
        FROM held ORDER BY held.shard
        "#,
        owner,
        seconds,
        after,
    )
    .fetch_all(pool)
    .await?;
    let horizon = rows.first().map(|row| Horizon {
        own: row.own,
        oldest_running: row.oldest_running,
    });
    let leases = rows.into_iter().map(|row| Lease {
        shard: row.shard,
        epoch: row.epoch,
        has_work: row.has_work,
    });
    Ok(Renewal {
        leases: leases.collect(),
        horizon: horizon.unwrap_or_default(),
    })
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
