//! Sums players' days up to their agents' days.

use std::time::Duration;

use agent_persistence::{
    DbError,
    rollup::{self, BrandDay, Waiting},
};

use crate::core::Core;

/// One day in one transaction: either it is whole and its marks are gone, or nothing changed. A day
/// that another worker has is left to that one. `timeout` is the longest that a statement may take.
///
/// # Errors
/// A statement failed; the marks stay.
pub async fn sum_up(core: &Core, day: BrandDay, timeout: Duration) -> Result<(), DbError> {
    let mut tx = core.db.begin().await?;
    rollup::prepare(&mut tx, timeout).await?;
    if !rollup::claim(&mut tx, day).await? {
        return tx.rollback().await;
    }
    let (mut written, mut marked) = (0, 0);
    match rollup::take_marks(&mut tx, day).await? {
        Waiting::Nothing => return tx.rollback().await,
        Waiting::LookBack => written += rollup::look_back_day(&mut tx, day).await?,
        Waiting::Sums { active_changed } => {
            written += rollup::sum_up_day(&mut tx, day).await?;
            if active_changed {
                marked += rollup::mark_days_after(&mut tx, day).await?;
            }
        }
    }
    core.commit(tx).await?;
    tracing::debug!(brand_id = day.brand.0, day = %day.day, written, marked, "day summed up");
    Ok(())
}
