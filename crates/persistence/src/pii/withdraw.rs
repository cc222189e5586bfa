//! Cards as they were when an order was made.

use super::{Cell, PiiRow, Window, ids, texts};
use crate::{error::DbError, pool::Pool, tx::Tx};

pub(super) async fn window(pool: &Pool, after: i64, size: i64) -> Result<Window, DbError> {
    let row = sqlx::query!(
        r#"
        WITH part AS MATERIALIZED (
            SELECT guid,
                   NOT starts_with(card_number, 'aesgcm:v1:')
                   OR bank_num IS NOT NULL AND NOT starts_with(bank_num, 'aesgcm:v1:')
                   OR NOT starts_with(holder_name, 'aesgcm:v1:') AS pending
            FROM agent_withdraw WHERE guid > $1 ORDER BY guid LIMIT $2
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
        "SELECT guid FROM agent_withdraw WHERE guid = ANY ($1) ORDER BY guid FOR NO KEY UPDATE SKIP LOCKED",
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(locked)
}

pub(super) async fn rows(tx: &mut Tx, ids: &[i64]) -> Result<Vec<PiiRow>, DbError> {
    let rows = sqlx::query!(
        "SELECT guid, card_number, bank_num, holder_name FROM agent_withdraw WHERE guid = ANY ($1) ORDER BY guid",
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| PiiRow {
        id: row.guid,
        live: true,
        countries: Vec::new(),
        cells: vec![
            Cell::without_index(Some(row.card_number)),
            Cell::without_index(row.bank_num),
            Cell::without_index(Some(row.holder_name)),
        ],
    });
    Ok(rows.collect())
}

pub(super) async fn update(tx: &mut Tx, rows: &[PiiRow]) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        UPDATE agent_withdraw w
        SET card_number = n.card_number, bank_num = n.bank_num, holder_name = n.holder_name
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])
             AS n (guid, card_number, bank_num, holder_name)
        WHERE w.guid = n.guid
        "#,
        &ids(rows),
        texts(rows, 0) as _,
        texts(rows, 1) as _,
        texts(rows, 2) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
