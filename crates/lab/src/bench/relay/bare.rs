//! The baselines: what nobody can do with less.

use agent_kv::keys::STREAM;
use chrono::{DateTime, SecondsFormat, Utc};
use redis::{Pipeline, aio::MultiplexedConnection};
use sqlx::PgPool;
use uuid::Uuid;

const BATCH: i64 = 1_000;

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    occurred_at: DateTime<Utc>,
    event_id: Uuid,
    event_type: String,
    aggregate_type: String,
    aggregate_id: String,
    brand_id: i64,
    schema_version: i16,
    payload: String,
}

/// Reads 1 000 rows, appends them in a pipeline, reads on. Notes nothing.
pub(super) async fn drain(pool: &PgPool, redis: &mut MultiplexedConnection) -> anyhow::Result<u64> {
    let mut after = (DateTime::UNIX_EPOCH, 0_i64);
    let mut moved = 0;
    loop {
        let rows = read(pool, after).await?;
        let Some(last) = rows.last() else {
            return Ok(moved);
        };
        after = (last.occurred_at, last.id);
        append(redis, &rows).await?;
        moved += u64::try_from(rows.len())?;
    }
}

/// Moves what follows a place; gives the new place.
pub(super) async fn advance(
    pool: &PgPool,
    redis: &mut MultiplexedConnection,
    after: (DateTime<Utc>, i64),
) -> anyhow::Result<(DateTime<Utc>, i64)> {
    let rows = read(pool, after).await?;
    let Some(last) = rows.last() else {
        return Ok(after);
    };
    append(redis, &rows).await?;
    Ok((last.occurred_at, last.id))
}

async fn read(pool: &PgPool, after: (DateTime<Utc>, i64)) -> anyhow::Result<Vec<Row>> {
    Ok(sqlx::query_as(
        "SELECT id, occurred_at, event_id, event_type, aggregate_type, aggregate_id, brand_id, schema_version, \
                payload::text AS payload \
         FROM agent_outbox WHERE (occurred_at, id) > ($1, $2) ORDER BY occurred_at, id LIMIT $3",
    )
    .bind(after.0)
    .bind(after.1)
    .bind(BATCH)
    .fetch_all(pool)
    .await?)
}

async fn append(redis: &mut MultiplexedConnection, rows: &[Row]) -> anyhow::Result<()> {
    let mut pipe = Pipeline::with_capacity(rows.len());
    for row in rows {
        let at = row.occurred_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        pipe.cmd("XADD")
            .arg(STREAM)
            .arg("*")
            .arg("event_id")
            .arg(row.event_id.to_string())
            .arg("event_type")
            .arg(&row.event_type)
            .arg("aggregate_type")
            .arg(&row.aggregate_type)
            .arg("aggregate_id")
            .arg(&row.aggregate_id)
            .arg("brand_id")
            .arg(row.brand_id)
            .arg("schema_version")
            .arg(row.schema_version)
            .arg("occurred_at")
            .arg(at)
            .arg("payload")
            .arg(&row.payload)
            .ignore();
    }
    Ok(pipe.exec_async(redis).await?)
}
