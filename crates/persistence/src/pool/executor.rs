//! The pool takes statements as a connection does.

use futures_util::{
    FutureExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use sqlx::{
    Describe, Either, Error, Execute, Executor, Postgres, SqlStr,
    postgres::{PgQueryResult, PgRow, PgStatement, PgTypeInfo},
};

use super::Pool;

impl<'p> Executor<'p> for &'_ Pool {
    type Database = Postgres;

    /// All rows are read before the first is handed on: the connection is free by then, however
    /// long they are looked at. What is more than fits in memory is read in a transaction.
    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        let all = async move {
            let loan = pool.lend().await?;
            loan.run(async |connection| connection.fetch_many(query).try_collect().await)
                .await
        };
        all.map_ok(|found: Vec<_>| stream::iter(found).map(Ok))
            .try_flatten_stream()
            .boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let pool = self.clone();
        async move {
            let loan = pool.lend().await?;
            loan.run(async |connection| connection.fetch_optional(query).await)
                .await
        }
        .boxed()
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        let pool = self.clone();
        async move {
            let loan = pool.lend().await?;
            loan.run(async |connection| connection.prepare_with(sql, parameters).await)
                .await
        }
        .boxed()
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>> {
        let pool = self.clone();
        async move {
            let loan = pool.lend().await?;
            loan.run(async |connection| connection.describe(sql).await)
                .await
        }
        .boxed()
    }
}
