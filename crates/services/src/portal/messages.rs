//! The inbox of an agent.

use agent_domain::{
    BrandScope, Problem,
    page::{Page, PageRequest},
};
use agent_persistence::portal::messages::{self as store, MessageFilter, MessageRow};

use crate::{app::App, session::Principal};

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
    let items = store::list(&mut tx, scope, agent, filter, page, now).await?;
    let count = store::count(&mut tx, scope, agent, filter, now).await?;
    tx.rollback().await?;
    Ok(Page::new(items, count, page, None))
}
