//! Gauges and partitions.

use crate::{error::DbError, pool::Pool};

/// How far the relay is behind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// Events that are neither published nor parked; a million stands for more.
    pub pending: i64,
    pub parked: i64,
    /// Age of the oldest of the pending events, in seconds.
    pub oldest_seconds: f64,
}

/// Looks at a bounded number of rows: it has to work just when there are too many.
///
/// # Errors
/// The statement failed.
pub async fn backlog(pool: &Pool) -> Result<Backlog, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT (SELECT count(*) FROM (
                    SELECT FROM agent_outbox_pending WHERE parked_at IS NULL LIMIT 1000000) AS waiting) AS "pending!",
               (SELECT count(*) FROM agent_outbox_pending WHERE parked_at IS NOT NULL) AS "parked!",
               (SELECT coalesce(extract(epoch FROM now() - min(first.occurred_at)), 0)::float8
                FROM generate_series(0, 15) AS s (shard)
                CROSS JOIN LATERAL (
                    SELECT p.occurred_at FROM agent_outbox_pending p
                    WHERE p.shard = s.shard::smallint AND p.parked_at IS NULL
                    ORDER BY p.id LIMIT 1) AS first) AS "oldest!"
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
    pool: &Pool,
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
