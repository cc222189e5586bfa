//! Sums players' days up to their agents' days.

use std::time::Duration;

use agent_persistence::{
    DbError,
    rollup::{self, BrandDay},
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
    if !rollup::claim(&mut tx, day).await? || rollup::take_marks(&mut tx, day).await? == 0 {
        return tx.rollback().await;
    }
    let written = rollup::sum_up_day(&mut tx, day).await?;
    core.commit(tx).await?;
    tracing::debug!(brand_id = day.brand.0, day = %day.day, written, "day summed up");
    Ok(())
}
