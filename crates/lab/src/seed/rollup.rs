//! Sums the players' days up to their agents, as the worker does.

use agent_domain::BrandId;
use agent_persistence::rollup;
use chrono::{Duration, NaiveDate};
use sqlx::PgConnection;

/// Days summed up by one statement.
const SPAN: i64 = 31;

/// Gives the number of rows.
pub(super) async fn store(conn: &mut PgConnection) -> anyhow::Result<u64> {
    // Fresh tables have no statistics, and the planner would guess wrongly; and a guess of many rows
    // makes it compile what is read once.
    sqlx::raw_sql(
        "SET LOCAL jit = off; \
         ANALYZE player_stat_daily, player, agent, agent_brand, agent_provider_percentage, stat_dirty",
    )
    .execute(&mut *conn)
    .await?;
    let marked: Vec<(i64, NaiveDate, NaiveDate)> = sqlx::query_as(
        "SELECT brand_id, min(stat_date), max(stat_date) FROM stat_dirty GROUP BY brand_id",
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut rows = 0;
    for (brand, mut first, last) in marked {
        while first <= last {
            let until = last.min(first + Duration::days(SPAN - 1));
            rows += rollup::sum_up(&mut *conn, BrandId(brand), first, until).await?;
            first = until + Duration::days(1);
        }
    }
    sqlx::raw_sql(
        "DELETE FROM stat_dirty; DELETE FROM stat_dirty_active; DELETE FROM stat_rebuild",
    )
    .execute(conn)
    .await?;
    Ok(rows)
}
