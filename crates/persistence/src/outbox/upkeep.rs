//! Gauges and partitions.

use sqlx::PgPool;

use crate::error::DbError;

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
