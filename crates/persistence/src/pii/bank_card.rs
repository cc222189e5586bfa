//! Numbers and holders of payout cards.

use super::{Cell, PiiRow, Window, ids, indexes, texts};
use crate::{error::DbError, pool::Pool, tx::Tx};

/// No two live cards have the same number.
pub const NUMBER_KEY: &str = "agent_bank_card_number_key";

pub(super) async fn window(pool: &Pool, after: i64, size: i64) -> Result<Window, DbError> {
    let row = sqlx::query!(
        r#"
        WITH part AS MATERIALIZED (
            SELECT id,
                   card_bidx IS NULL OR holder_bidx IS NULL
                   OR NOT starts_with(card_number, 'aesgcm:v1:')
                   OR NOT starts_with(holder_name, 'aesgcm:v1:') AS pending
            FROM agent_bank_card WHERE id > $1 ORDER BY id LIMIT $2
        )
        SELECT (SELECT max(id) FROM part) AS "end",
               ARRAY(SELECT id FROM part WHERE pending ORDER BY id) AS "pending!"
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
        "SELECT id FROM agent_bank_card WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED",
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(locked)
}

pub(super) async fn rows(tx: &mut Tx, ids: &[i64]) -> Result<Vec<PiiRow>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT id, card_number, card_bidx, holder_name, holder_bidx, deleted_at IS NULL AS "live!"
        FROM agent_bank_card WHERE id = ANY ($1) ORDER BY id
        "#,
        ids,
    )
    .fetch_all(tx.conn())
    .await?;
    let rows = rows.into_iter().map(|row| PiiRow {
        id: row.id,
        live: row.live,
        countries: Vec::new(),
        cells: vec![
            Cell::new(Some(row.card_number), row.card_bidx),
            Cell::new(Some(row.holder_name), row.holder_bidx),
        ],
    });
    Ok(rows.collect())
}

pub(super) async fn update(tx: &mut Tx, rows: &[PiiRow]) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        UPDATE agent_bank_card c
        SET card_number = n.card_number, card_bidx = n.card_bidx, holder_name = n.holder_name,
            holder_bidx = n.holder_bidx
        FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bytea[])
             AS n (id, card_number, card_bidx, holder_name, holder_bidx)
        WHERE c.id = n.id
        "#,
        &ids(rows),
        texts(rows, 0) as _,
        indexes(rows, 0) as _,
        texts(rows, 1) as _,
        indexes(rows, 1) as _,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Those of some numbers, by their index, that a live card has: the index and the card's id.
///
/// # Errors
/// The statement failed.
pub async fn live_numbers(
    tx: &mut Tx,
    indexes: &[Vec<u8>],
) -> Result<Vec<(Vec<u8>, i64)>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT card_bidx AS "index!", id FROM agent_bank_card
        WHERE deleted_at IS NULL AND card_bidx = ANY ($1)
        "#,
        indexes,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.index, row.id)).collect())
}
