//! Which days wait to be done.

use chrono::NaiveDate;

use super::BrandDay;
use crate::{error::DbError, pool::Pool};

/// Marks looked at in one go: many may tell of the same few days.
const MARKS: i64 = 100_000;
/// Other days that are told at once: changed days wait for no more than these.
pub const OTHERS: usize = 5;

/// What there is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DaysWaiting {
    /// Days that changed, the longest waiting first.
    pub changed: Vec<BrandDay>,
    /// At most [`OTHERS`] days of which something else waits: in turn one that looks back on a day
    /// that changed, and one that was made by an older version. Of the first the longest waiting,
    /// of the second the latest come first.
    pub others: Vec<BrandDay>,
}

/// The days that wait; those `left_out` are not among the others. One statement, because it is asked
/// again and again where nothing waits.
///
/// # Errors
/// The statement failed.
pub async fn days_waiting(pool: &Pool, left_out: &[BrandDay]) -> Result<DaysWaiting, DbError> {
    let (brands, days): (Vec<i64>, Vec<NaiveDate>) =
        left_out.iter().map(|day| (day.brand.0, day.day)).unzip();
    let rows = sqlx::query!(
        r#"
        WITH left_out AS (
            SELECT * FROM unnest($3::bigint[], $4::date[]) AS l (brand_id, stat_date)
        ), changed AS (
            SELECT brand_id, stat_date, row_number() OVER (ORDER BY min(id)) AS place
            FROM (SELECT id, brand_id, stat_date FROM stat_dirty ORDER BY id LIMIT $1) AS marks
            GROUP BY brand_id, stat_date
        ), looking_back AS (
            SELECT brand_id, stat_date, row_number() OVER (ORDER BY min(id)) AS place
            FROM (SELECT id, brand_id, stat_date FROM stat_dirty_active
                  WHERE (brand_id, stat_date) NOT IN (SELECT brand_id, stat_date FROM left_out)
                  ORDER BY id LIMIT $1) AS marks
            GROUP BY brand_id, stat_date ORDER BY place LIMIT $2
        ), outdated AS (
            SELECT brand_id, stat_date, row_number() OVER (ORDER BY stat_date DESC, brand_id) AS place
            FROM (SELECT brand_id, stat_date FROM stat_rebuild
                  WHERE (brand_id, stat_date) NOT IN (SELECT brand_id, stat_date FROM left_out)
                  ORDER BY stat_date DESC, brand_id LIMIT $2) AS days
        ), others AS (
            SELECT brand_id, stat_date, min(ARRAY[place, kind]) AS place
            FROM (SELECT 1 AS kind, * FROM looking_back UNION ALL SELECT 2, * FROM outdated) AS days
            GROUP BY brand_id, stat_date ORDER BY place LIMIT $2
        )
        SELECT brand_id AS "brand_id!", stat_date AS "stat_date!", has_changed AS "has_changed!"
        FROM (SELECT brand_id, stat_date, true AS has_changed, ARRAY[place] AS place FROM changed
              UNION ALL SELECT brand_id, stat_date, false, place FROM others) AS days
        ORDER BY has_changed DESC, place
        "#,
        MARKS,
        i64::try_from(OTHERS).unwrap_or(i64::MAX),
        &brands,
        &days,
    )
    .fetch_all(pool)
    .await?;
    let mut waiting = DaysWaiting::default();
    for row in rows {
        let day = brand_day(row.brand_id, row.stat_date);
        match row.has_changed {
            true => waiting.changed.push(day),
            false => waiting.others.push(day),
        }
    }
    Ok(waiting)
}

fn brand_day(brand: i64, day: NaiveDate) -> BrandDay {
    BrandDay {
        brand: agent_domain::BrandId(brand),
        day,
    }
}

/// How far the sums are behind. A hundred thousand marks stand for more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Marks of days that changed.
    pub changed: i64,
    /// Seconds for which the first of them waits.
    pub changed_seconds: i64,
    /// Marks of days that look back on one.
    pub look_back: i64,
    /// Seconds for which the first of them waits.
    pub look_back_seconds: i64,
    /// Days made by an older version.
    pub rebuild: i64,
}

/// Looks at a bounded number of rows: it has to work just when there are too many.
///
/// # Errors
/// The statement failed.
pub async fn backlog(pool: &Pool) -> Result<Backlog, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT (SELECT count(*) FROM (SELECT FROM stat_dirty LIMIT $1) AS marks) AS "changed!",
               coalesce((SELECT extract(epoch FROM now() - changed_at)::bigint
                         FROM stat_dirty ORDER BY id LIMIT 1), 0) AS "changed_seconds!",
               (SELECT count(*) FROM (SELECT FROM stat_dirty_active LIMIT $1) AS marks) AS "look_back!",
               coalesce((SELECT extract(epoch FROM now() - changed_at)::bigint
                         FROM stat_dirty_active ORDER BY id LIMIT 1), 0) AS "look_back_seconds!",
               (SELECT count(*) FROM (SELECT FROM stat_rebuild LIMIT $1) AS days) AS "rebuild!"
        "#,
        MARKS,
    )
    .fetch_one(pool)
    .await?;
    Ok(Backlog {
        changed: row.changed,
        changed_seconds: row.changed_seconds.max(0),
        look_back: row.look_back,
        look_back_seconds: row.look_back_seconds.max(0),
        rebuild: row.rebuild,
    })
}
