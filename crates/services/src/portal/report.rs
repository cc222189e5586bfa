//! Reports of direct subs.

use agent_domain::{
    BrandScope, Problem,
    page::{DayRange, Page, PageRequest, TOTAL_CAP},
    portal::report::Totals,
};
use agent_persistence::portal::report::{self as store, ReportFilter, SubDay, SubTotals};

use crate::{app::App, session::Principal};

/// Each direct sub with what its team did over the range, and the sums over all of them, of one
/// instant.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn statistic(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: &ReportFilter,
    range: DayRange,
    page: PageRequest,
) -> Result<Page<SubTotals, Totals>, Problem> {
    let agent = principal.agent();
    let mut tx = app.core.db.snapshot().await?;
    let items = store::by_sub(&mut tx, scope, agent, filter, range, page).await?;
    let count = store::count_subs(&mut tx, scope, agent, filter).await?;
    let (_, totals) = store::summary(&mut tx, scope, agent, filter, range).await?;
    tx.rollback().await?;
    Ok(Page::new(items, count, page, Some(totals)))
}

/// As [`statistic`], day by day.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn statistic_daily(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: &ReportFilter,
    range: DayRange,
    page: PageRequest,
) -> Result<Page<SubDay, Totals>, Problem> {
    let agent = principal.agent();
    let mut tx = app.core.db.snapshot().await?;
    let items = store::by_day(&mut tx, scope, agent, filter, range, page).await?;
    let (days, totals) = store::summary(&mut tx, scope, agent, filter, range).await?;
    tx.rollback().await?;
    Ok(Page::new(
        items,
        days.min(TOTAL_CAP + 1),
        page,
        Some(totals),
    ))
}
