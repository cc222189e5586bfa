//! Coupons whose time is over.

use chrono::{DateTime, Utc};

use crate::{error::DbError, pool::Pool};

/// Marks granted coupons that have expired by `now`, at most `limit`; tells how many. Their quota
/// stays used. Those that somebody works on at this moment are left for the next time.
///
/// # Errors
/// The statement failed.
pub async fn sweep(pool: &Pool, now: DateTime<Utc>, limit: i64) -> Result<u64, DbError> {
    let swept = sqlx::query!(
        r#"
        UPDATE coupon SET status = 'expired' WHERE coupon_id IN (
            SELECT coupon_id FROM coupon WHERE status = 'granted' AND expires_at <= $1
            ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        "#,
        now,
        limit,
    )
    .execute(pool)
    .await?;
    Ok(swept.rows_affected())
}
