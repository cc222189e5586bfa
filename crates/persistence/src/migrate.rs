//! The schema: migrations under the owner's rights, then the grants.

use std::str::FromStr;

use sqlx::{
    PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{db::Db, error::DbError};

static MIGRATOR: Migrator = sqlx::migrate!("../../migrations");
const GRANTS: &str = include_str!("../../../migrations/grants.sql");
/// Key of the advisory lock that serialises instances; any number that nothing else uses.
const ONE_AT_A_TIME: i64 = 0x6167_656e_7473;

/// Brings a database to the newest schema and sets the rights of the application role. Safe to
/// run again, and by several instances at once (an advisory lock serialises them).
///
/// # Errors
/// The database cannot be reached, or holds a schema that is not ours.
pub async fn run(url: &str) -> Result<(), DbError> {
    let options = PgConnectOptions::from_str(url)?.application_name("agent-migrate");
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect_with(options)
        .await?;
    let outcome = apply(&pool).await;
    pool.close().await;
    outcome
}

async fn apply(pool: &PgPool) -> Result<(), DbError> {
    // The migrator's own lock does not cover the grants, and two grants at once fail on the rows
    // of the catalogue. Given up with the connection.
    let mut serialised = pool.acquire().await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(ONE_AT_A_TIME)
        .execute(&mut *serialised)
        .await?;
    MIGRATOR.run(pool).await?;
    sqlx::raw_sql(GRANTS).execute(&mut *serialised).await?;
    Ok(())
}

/// A digest of every migration and of the grants, to key a cached template database.
#[must_use]
pub fn fingerprint() -> String {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATOR.iter() {
        migration.checksum.hash(&mut hasher);
    }
    GRANTS.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Whether the newest migration of this build has been applied.
///
/// # Errors
/// Postgres does not answer, or has no schema at all.
pub async fn is_current(db: &Db) -> Result<bool, DbError> {
    let newest = MIGRATOR
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    let applied: Option<i64> =
        sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
            .fetch_one(db.pool())
            .await?;
    Ok(applied.is_some_and(|applied| applied >= newest))
}
