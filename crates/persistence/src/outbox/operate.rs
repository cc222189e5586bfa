//! What operators ask of the outbox, and do to it.

use chrono::{DateTime, Utc};

use crate::{audit::AuditedTx, error::DbError, pool::Pool};

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
pub async fn holders(pool: &Pool) -> Result<Vec<Holder>, DbError> {
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
pub async fn parked(pool: &Pool, limit: i64) -> Result<Vec<ParkedEvent>, DbError> {
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
}
