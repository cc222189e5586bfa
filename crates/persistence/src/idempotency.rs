//! Answers of writes that carried an `Idempotency-Key` (Q-88).

use agent_domain::AgentGuid;
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{error::DbError, pool::Pool, tx::Tx};

/// Which request is meant: an alias shares the operation of its route.
#[derive(Clone, Copy, Debug)]
pub struct IdempotencyRef<'a> {
    pub agent: AgentGuid,
    pub operation: &'static str,
    pub key: &'a str,
    /// Keyed hash of the request, so that another body under the same key is noticed.
    pub request_hash: &'a [u8],
}

/// A stored answer.
#[derive(Clone, Debug)]
pub struct StoredAnswer {
    pub same_request: bool,
    pub status: i16,
    pub body: Value,
}

/// The stored answer of a key, if its first request has finished.
///
/// # Errors
/// The statement failed.
pub async fn find(
    pool: &Pool,
    request: IdempotencyRef<'_>,
) -> Result<Option<StoredAnswer>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT request_hash = $4 AS "same_request!", status AS "status!", body AS "body!"
        FROM idempotency_key
        WHERE agent_id = $1 AND operation = $2 AND key = $3 AND status IS NOT NULL
        "#,
        request.agent.0,
        request.operation,
        request.key,
        request.request_hash,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| StoredAnswer {
        same_request: row.same_request,
        status: row.status,
        body: row.body,
    }))
}

/// Takes the key for this transaction; `false` when another request has it. Where that request
/// is still running this waits for its end, so that afterwards its answer can be read.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn claim(
    tx: &mut Tx,
    request: IdempotencyRef<'_>,
    at: DateTime<Utc>,
) -> Result<bool, DbError> {
    let claimed = sqlx::query!(
        r#"
        INSERT INTO idempotency_key (agent_id, operation, key, request_hash, created_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (agent_id, operation, key) DO NOTHING
        "#,
        request.agent.0,
        request.operation,
        request.key,
        request.request_hash,
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(claimed.rows_affected() == 1)
}

/// Stores the answer beside the effect. Only successes are stored: a refusal may be tried again.
///
/// # Errors
/// The statement failed.
pub async fn complete(
    tx: &mut Tx,
    request: IdempotencyRef<'_>,
    status: i16,
    body: &Value,
) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        UPDATE idempotency_key SET status = $4, body = $5
        WHERE agent_id = $1 AND operation = $2 AND key = $3
        "#,
        request.agent.0,
        request.operation,
        request.key,
        status,
        body,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes keys older than `before`, at most `limit`; tells how many.
///
/// # Errors
/// The statement failed.
pub async fn sweep(pool: &Pool, before: DateTime<Utc>, limit: i64) -> Result<u64, DbError> {
    let swept = sqlx::query!(
        r#"
        DELETE FROM idempotency_key WHERE (agent_id, operation, key) IN (
            SELECT agent_id, operation, key FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT $2
            FOR UPDATE SKIP LOCKED)
        "#,
        before,
        limit,
    )
    .execute(pool)
    .await?;
    Ok(swept.rows_affected())
}
