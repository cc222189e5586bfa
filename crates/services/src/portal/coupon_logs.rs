//! What an agent granted and took back (P-073, P-074).

use agent_domain::{
    BrandScope, Problem,
    page::{Page, PageRequest, TOTAL_CAP},
};
use agent_persistence::{
    portal::coupon_logs::{self as store, LogFilter, LogRow},
    rows::collect,
};

use crate::{
    app::App,
    export::{Export, Opening},
    session::Principal,
};

/// One page of the agent's log on the brand and its count, of one instant.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: &LogFilter,
    page: PageRequest,
) -> Result<Page<LogRow>, Problem> {
    let mut tx = app.core.db.report().await?;
    let items = collect(store::list(&mut tx, scope, principal.agent(), filter, page)).await?;
    let count = store::count(&mut tx, scope, principal.agent(), filter, TOTAL_CAP).await?;
    tx.rollback().await?;
    Ok(Page::new(items, count, page, None))
}

/// Every row of the same log.
///
/// # Errors
/// `export_too_large`, `rate_limited`, `unavailable`.
pub async fn export(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: LogFilter,
) -> Result<Export<LogRow>, Problem> {
    let report = if filter.recycled_only {
        "coupon_recycle_logs"
    } else {
        "coupon_logs"
    };
    let (agent, scope) = (principal.agent(), scope.clone());
    let opening = Opening::new(app, principal, report)?;
    let mut tx = opening.begin(app).await?;
    let count = store::count(&mut tx, &scope, agent, &filter, opening.max_rows()).await?;
    opening.admit(count)?;
    let all = opening.page();
    Ok(opening.stream(tx, move |tx| store::list(tx, &scope, agent, &filter, all)))
}
