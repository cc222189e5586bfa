//! Rows as they come from Postgres: a page collects them, an export passes them on.

use futures_util::{
    StreamExt as _, TryStreamExt as _,
    stream::{BoxStream, Stream},
};

use crate::error::DbError;

/// Rows of one statement, or of several in one order, within the transaction that they borrow.
pub type Rows<'t, R> = BoxStream<'t, Result<R, DbError>>;

/// The rows of a fetched statement.
pub(crate) fn rows<'t, R>(
    fetched: impl Stream<Item = Result<R, sqlx::Error>> + Send + 't,
) -> Rows<'t, R> {
    fetched.map_err(DbError::from).boxed()
}

/// All of them.
///
/// # Errors
/// The statement failed.
pub async fn collect<R>(rows: Rows<'_, R>) -> Result<Vec<R>, DbError> {
    rows.try_collect().await
}
