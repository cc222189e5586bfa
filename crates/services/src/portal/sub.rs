//! The agents below an agent: lists of them and what is known of one (P-033).

use agent_domain::{
    AgentGuid, BrandScope, Problem,
    page::{DayRange, Page, PageRequest, TOTAL_CAP},
};
use agent_persistence::{
    portal::{
        downline::downline,
        provider::{self, ShareRow},
        sub::{self as store, SubDetail, SubFilter, SubRow},
    },
    rows::collect,
};

use crate::{
    app::App,
    export::{Export, Opening},
    session::Principal,
};

/// One page of agents and their count, of one instant.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: &SubFilter,
    range: DayRange,
    page: PageRequest,
) -> Result<Page<SubRow>, Problem> {
    let agent = principal.agent();
    let today = scope.brand().day_of(app.core.clock.now());
    let mut tx = app.core.db.snapshot().await?;
    let found = store::list(&mut tx, scope, agent, filter, range, today, page);
    let items = collect(found).await?;
    let count = store::count(&mut tx, scope, agent, filter, TOTAL_CAP).await?;
    drop(tx);
    Ok(Page::new(items, count, page, None))
}

/// Every agent of the same list.
///
/// # Errors
/// `export_too_large`, `rate_limited`, `unavailable`.
pub async fn export(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: SubFilter,
    range: DayRange,
) -> Result<Export<SubRow>, Problem> {
    let today = scope.brand().day_of(app.core.clock.now());
    let (agent, scope) = (principal.agent(), scope.clone());
    let opening = Opening::new(app, principal, "subs").await?;
    let mut tx = opening.begin(app).await?;
    let count = store::count(&mut tx, &scope, agent, &filter, opening.max_rows()).await?;
    opening.admit(count)?;
    let all = opening.page();
    Ok(opening.stream(tx, move |tx| {
        store::list(tx, &scope, agent, &filter, range, today, all)
    }))
}

/// An agent with its shares of today.
pub struct Sub {
    pub row: SubDetail,
    pub shares: Vec<ShareRow>,
}

/// # Errors
/// `not_found` for anybody but an agent below the one who asks that the brand shows.
pub async fn detail(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    guid: AgentGuid,
) -> Result<Sub, Problem> {
    let (pool, asking) = (app.core.db.pool(), principal.agent());
    let today = scope.brand().day_of(app.core.clock.now());
    let row = store::detail(pool, scope, asking, guid).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    let sub = downline(pool, scope, asking, guid).await?;
    let sub = sub.ok_or_else(Problem::not_found)?;
    let shares = provider::shares(pool, scope, &sub, today).await?;
    Ok(Sub { row, shares })
}
