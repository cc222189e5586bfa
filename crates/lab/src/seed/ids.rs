//! Ids out of the sequences that the service uses too, so that none is given twice.

use sqlx::PgConnection;

/// Takes ids of an identity column.
pub(super) async fn reserve(
    conn: &mut PgConnection,
    table: &str,
    column: &str,
    count: usize,
) -> anyhow::Result<Vec<i64>> {
    let sequence: String = sqlx::query_scalar("SELECT pg_get_serial_sequence($1, $2)")
        .bind(table)
        .bind(column)
        .fetch_one(&mut *conn)
        .await?;
    next_of(conn, &sequence, count).await
}

/// Takes values of a sequence.
pub(super) async fn next_of(
    conn: &mut PgConnection,
    sequence: &str,
    count: usize,
) -> anyhow::Result<Vec<i64>> {
    let values = sqlx::query_scalar("SELECT nextval($1::regclass) FROM generate_series(1, $2)")
        .bind(sequence)
        .bind(i64::try_from(count)?)
        .fetch_all(conn)
        .await?;
    Ok(values)
}
