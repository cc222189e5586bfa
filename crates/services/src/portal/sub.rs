//! The agents below an agent: lists of them and what is known of one (P-033).

use agent_domain::{
    AgentGuid, BrandScope, Problem,
    page::{DayRange, Page, PageRequest},
};
use agent_persistence::portal::{
    downline::downline,
    provider::{self, ShareRow},
    sub::{self as store, SubDetail, SubFilter, SubRow},
};

use crate::{app::App, session::Principal};

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
    let items = store::list(&mut tx, scope, agent, filter, range, today, page).await?;
    let count = store::count(&mut tx, scope, agent, filter).await?;
    tx.rollback().await?;
    Ok(Page::new(items, count, page, None))
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
