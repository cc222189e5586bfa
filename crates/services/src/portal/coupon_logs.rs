//! What an agent granted and took back (P-073, P-074).

use agent_domain::{
    BrandScope, Problem,
    cursor::{Ledger, Stretch},
    page::TOTAL_CAP,
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

/// One stretch of the agent's log on the brand and its count, of one instant.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: &LogFilter,
    stretch: Stretch,
) -> Result<Ledger<LogRow>, Problem> {
    let mut tx = app.core.db.report().await?;
    let agent = principal.agent();
    let rows = collect(store::list(&mut tx, scope, agent, filter, stretch)).await?;
    let count = store::count(&mut tx, scope, agent, filter, TOTAL_CAP).await?;
    drop(tx);
    Ok(stretch.cut(rows, count, None))
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
    let opening = Opening::new(app, principal, report).await?;
    let mut tx = opening.begin(app).await?;
    let count = store::count(&mut tx, &scope, agent, &filter, opening.max_rows()).await?;
    opening.admit(count)?;
    let all = opening.page().into();
    Ok(opening.stream(tx, move |tx| store::list(tx, &scope, agent, &filter, all)))
}
