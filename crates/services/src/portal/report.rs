//! Reports of direct subs.

use agent_domain::{
    BrandScope, Problem,
    page::{DayRange, Page, PageRequest, TOTAL_CAP},
    portal::report::Totals,
};
use agent_persistence::{
    portal::report::{self as store, ReportFilter, SubDay, SubTotals},
    rows::collect,
};

use crate::{
    app::App,
    export::{Export, Opening},
    session::Principal,
};

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
    let (pool, agent) = (app.core.db.pool(), principal.agent());
    let found = store::page_by_sub(pool, scope, agent, filter, range, page, TOTAL_CAP).await?;
    Ok(Page::new(found.subs, found.found, page, Some(found.totals)))
}

/// Every sub of [`statistic`].
///
/// # Errors
/// `export_too_large`, `rate_limited`, `unavailable`.
pub async fn export_statistic(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: ReportFilter,
    range: DayRange,
) -> Result<Export<SubTotals>, Problem> {
    let (agent, scope) = (principal.agent(), scope.clone());
    let opening = Opening::new(app, principal, "sub_statistic").await?;
    let mut tx = opening.begin(app).await?;
    let most = opening.max_rows();
    opening.admit(store::count_subs(&mut tx, &scope, agent, &filter, most).await?)?;
    let all = opening.page();
    Ok(opening.stream(tx, move |tx| {
        store::by_sub(tx, &scope, agent, &filter, range, all)
    }))
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
    let items = collect(store::by_day(&mut tx, scope, agent, filter, range, page)).await?;
    let (days, totals) = store::summary(&mut tx, scope, agent, filter, range).await?;
    drop(tx);
    Ok(Page::new(
        items,
        days.min(TOTAL_CAP + 1),
        page,
        Some(totals),
    ))
}

/// Every day of [`statistic_daily`].
///
/// # Errors
/// `export_too_large`, `rate_limited`, `unavailable`.
pub async fn export_statistic_daily(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: ReportFilter,
    range: DayRange,
) -> Result<Export<SubDay>, Problem> {
    let (agent, scope) = (principal.agent(), scope.clone());
    let opening = Opening::new(app, principal, "sub_statistic_daily").await?;
    let mut tx = opening.begin(app).await?;
    let (days, _) = store::summary(&mut tx, &scope, agent, &filter, range).await?;
    opening.admit(days)?;
    let all = opening.page();
    Ok(opening.stream(tx, move |tx| {
        store::by_day(tx, &scope, agent, &filter, range, all)
    }))
}
