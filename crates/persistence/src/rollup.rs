//! Players' days summed up to their agents' days (Q-97): each agent's own players (`direct`), and
//! with those of everybody below (`team`).

mod active;
mod agent;
mod provider;
mod waiting;

use std::time::Duration;

use agent_domain::BrandId;
use chrono::NaiveDate;
use sqlx::PgConnection;

use crate::{error::DbError, pool::Pool, recount::recount, tx::Tx};

pub use waiting::{Backlog, DaysWaiting, OTHERS, backlog, days_waiting};

/// A calendar day of a brand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrandDay {
    pub brand: BrandId,
    pub day: NaiveDate,
}

/// Sets limits of the transaction: a day of a large brand takes longer than a request may, and is
/// read by plans for many rows and for the months that it is about.
///
/// # Errors
/// The statement failed.
pub async fn prepare(tx: &mut Tx, timeout: Duration) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        SELECT set_config('statement_timeout', $1, true) AS timeout, set_config('enable_seqscan', 'on', true) AS scans,
               set_config('enable_bitmapscan', 'on', true) AS bitmaps, set_config('work_mem', '64MB', true) AS memory,
               set_config('plan_cache_mode', 'force_custom_plan', true) AS plans
        "#,
        timeout.as_millis().to_string(),
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(())
}

/// Makes the day the transaction's own; `false` when another worker has it.
///
/// # Errors
/// The statement failed.
pub async fn claim(tx: &mut Tx, day: BrandDay) -> Result<bool, DbError> {
    let claimed = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended('roll_up ' || $1::bigint || ' ' || $2::date, 0)) AS "own!""#,
        day.brand.0,
        day.day,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(claimed)
}

/// What waits to be done of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    Nothing,
    /// Its own numbers are right; who was active before may have changed.
    LookBack,
    /// All of it. With `active_changed` it also matters to the days after it.
    Sums {
        active_changed: bool,
    },
}

/// Takes the marks of a day that are to be seen now. They come back if the transaction fails; what
/// commits later has a mark of its own, so this comes before the work.
///
/// # Errors
/// The statement failed.
pub async fn take_marks(tx: &mut Tx, day: BrandDay) -> Result<Waiting, DbError> {
    let taken = sqlx::query!(
        r#"
        WITH changed AS (
            DELETE FROM stat_dirty WHERE brand_id = $1 AND stat_date = $2 RETURNING active_changed
        ), outdated AS (
            DELETE FROM stat_rebuild WHERE brand_id = $1 AND stat_date = $2 RETURNING stat_date
        ), looked_back AS (
            DELETE FROM stat_dirty_active WHERE brand_id = $1 AND stat_date = $2 RETURNING stat_date
        )
        SELECT EXISTS (SELECT FROM changed) OR EXISTS (SELECT FROM outdated) AS "sums!",
               EXISTS (SELECT FROM changed WHERE active_changed) AS "active_changed!",
               EXISTS (SELECT FROM looked_back) AS "look_back!"
        "#,
        day.brand.0,
        day.day,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(match (taken.sums, taken.look_back) {
        (true, _) => Waiting::Sums {
            active_changed: taken.active_changed,
        },
        (false, true) => Waiting::LookBack,
        (false, false) => Waiting::Nothing,
    })
}

/// As [`sum_up`] for one day, within the job's transaction.
///
/// # Errors
/// The statement failed.
pub async fn sum_up_day(tx: &mut Tx, day: BrandDay) -> Result<u64, DbError> {
    sum_up(tx.conn(), day.brand, day.day, day.day).await
}

/// Computes anew only who of the day's players was active before.
///
/// # Errors
/// The statement failed.
pub async fn look_back_day(tx: &mut Tx, day: BrandDay) -> Result<u64, DbError> {
    active::look_back(tx.conn(), day.brand, day.day, day.day).await
}

/// Marks the days from which one looks back on a day, after its marks were taken.
///
/// A day that another worker sums up for the first time right now has no row to be seen yet, but
/// its marks are: they go when that worker is done.
///
/// # Errors
/// The statement failed.
pub async fn mark_days_after(tx: &mut Tx, day: BrandDay) -> Result<u64, DbError> {
    let done = sqlx::query!(
        r#"
        INSERT INTO stat_dirty_active (brand_id, stat_date)
        SELECT $1, day::date FROM generate_series($2::date + 1, $2::date + 91, interval '1 day') AS day
        WHERE EXISTS (SELECT FROM agent_stat_daily s WHERE s.brand_id = $1 AND s.stat_date = day::date)
           OR EXISTS (SELECT FROM stat_dirty m WHERE m.brand_id = $1 AND m.stat_date = day::date)
        ORDER BY day
        "#,
        day.brand.0,
        day.day,
    )
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Computes all numbers of a brand from `first` to `last` anew from the players' days and leaves
/// alone what was right. Of days whose players' days were dropped only the counts of who came are
/// computed anew. Gives the number of rows written.
///
/// # Errors
/// A statement failed.
pub async fn sum_up(
    conn: &mut PgConnection,
    brand: BrandId,
    first: NaiveDate,
    last: NaiveDate,
) -> Result<u64, DbError> {
    let mut written = recount(&mut *conn, brand, first, last).await?;
    written += active::look_back(&mut *conn, brand, first, last).await?;
    written += provider::sum_up(&mut *conn, brand, first, last).await?;
    written += agent::sum_up(conn, brand, first, last).await?;
    Ok(written)
}

/// Makes the months around today and, with a retention time, drops months that are over. While
/// somebody reads players' days for long, none is dropped: the next call does it. Tells (made,
/// dropped).
///
/// # Errors
/// A statement failed.
pub async fn maintain_partitions(
    pool: &Pool,
    months_kept: Option<i32>,
) -> Result<(i32, i32), DbError> {
    let made =
        sqlx::query_scalar!(r#"SELECT player_stat_daily_ensure_partitions(1, 2) AS "made!""#)
            .fetch_one(pool)
            .await?;
    let Some(months) = months_kept else {
        return Ok((made, 0));
    };
    let dropped = sqlx::query_scalar!(
        r#"SELECT player_stat_daily_drop_expired($1) AS "dropped!""#,
        months
    )
    .fetch_one(pool)
    .await?;
    Ok((made, dropped))
}
