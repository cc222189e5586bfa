//! Contacts and the primary payout account of agents.

use super::{Cell, PiiRow, Window, ids, indexes, texts};
use crate::{error::DbError, pool::Pool, tx::Tx};

pub(super) async fn window(pool: &Pool, after: i64, size: i64) -> Result<Window, DbError> {
    let row = sqlx::query!(
        r#"
        WITH part AS MATERIALIZED (
            SELECT guid,
                   phone_num IS NOT NULL AND (phone_bidx IS NULL OR NOT starts_with(phone_num, 'aesgcm:v1:'))
                   OR email IS NOT NULL AND (email_bidx IS NULL OR NOT starts_with(email, 'aesgcm:v1:'))
                   OR bank_num IS NOT NULL AND NOT starts_with(bank_num, 'aesgcm:v1:') AS pending
            FROM agent WHERE guid > $1 ORDER BY guid LIMIT $2
        )
        SELECT (SELECT max(guid) FROM part) AS "end",
               ARRAY(SELECT guid FROM part WHERE pending ORDER BY guid) AS "pending!"
        "#,
        after,
        size,
    )
    .fetch_one(pool)
    .await?;
    Ok(Window {
        end: row.end,
        pending: row.pending,
    })
}

pub(super) async fn lock(tx: &mut Tx, ids: &[i64]) -> Result<Vec<i64>, DbError> {
    let locked = sqlx::query_scalar!(
        "SELECT guid FROM agent WHERE guid = ANY ($1) ORDER BY guid FOR NO KEY UPDATE SKIP LOCKED",
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(locked)
}

pub(super) async fn rows(tx: &mut Tx, ids: &[i64]) -> Result<Vec<PiiRow>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT guid, phone_num, phone_bidx, email, email_bidx, bank_num,
               ARRAY(SELECT DISTINCT b.phone_country FROM brand b JOIN agent_brand m USING (brand_id)
                     WHERE m.agent_id = agent.guid) AS "countries!"
        FROM agent WHERE guid = ANY ($1) ORDER BY guid
        "#,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| PiiRow {
        id: row.guid,
        live: true,
        countries: row.countries,
        cells: vec![
            Cell::new(row.phone_num, row.phone_bidx),
            Cell::new(row.email, row.email_bidx),
            Cell::without_index(row.bank_num),
        ],
    });
    Ok(rows.collect())
}

pub(super) async fn update(tx: &mut Tx, rows: &[PiiRow]) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        UPDATE agent a
        SET phone_num = n.phone_num, phone_bidx = n.phone_bidx, email = n.email, email_bidx = n.email_bidx,
            bank_num = n.bank_num
        FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bytea[], $6::text[])
             AS n (guid, phone_num, phone_bidx, email, email_bidx, bank_num)
        WHERE a.guid = n.guid
        "#,
        &ids(rows),
        texts(rows, 0) as _,
        indexes(rows, 0) as _,
        texts(rows, 1) as _,
        indexes(rows, 1) as _,
        texts(rows, 2) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
