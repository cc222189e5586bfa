//! The inbox of an agent.

use agent_domain::{
    BrandScope, Problem,
    page::{Page, PageRequest, TOTAL_CAP},
};
use agent_persistence::{
    portal::messages::{self as store, MessageFilter, MessageRow},
    rows::collect,
};

use crate::{
    app::App,
    export::{Export, Opening},
    session::Principal,
};

/// One page of the inbox and its count, of one instant.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: MessageFilter,
    page: PageRequest,
) -> Result<Page<MessageRow>, Problem> {
    let (agent, now) = (principal.agent(), app.core.clock.now());
    let mut tx = app.core.db.snapshot().await?;
    let items = collect(store::list(&mut tx, scope, agent, filter, page, now)).await?;
    let count = store::count(&mut tx, scope, agent, filter, now, TOTAL_CAP).await?;
    drop(tx);
    Ok(Page::new(items, count, page, None))
}

/// The whole inbox.
///
/// # Errors
/// `export_too_large`, `rate_limited`, `unavailable`.
pub async fn export(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    filter: MessageFilter,
) -> Result<Export<MessageRow>, Problem> {
    let (agent, scope, now) = (principal.agent(), scope.clone(), app.core.clock.now());
    let opening = Opening::new(app, principal, "messages").await?;
    let mut tx = opening.begin(app).await?;
    let count = store::count(&mut tx, &scope, agent, filter, now, opening.max_rows()).await?;
    opening.admit(count)?;
    let all = opening.page();
    Ok(opening.stream(tx, move |tx| {
        store::list(tx, &scope, agent, filter, all, now)
    }))
}
