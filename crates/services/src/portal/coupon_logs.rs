//! What an agent granted and took back (P-073, P-074).

use agent_domain::{
    BrandScope, Problem,
    page::{Page, PageRequest},
};
use agent_persistence::portal::coupon_logs::{self as store, LogFilter, LogRow};

use crate::{app::App, session::Principal};

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
    let items = store::list(&mut tx, scope, principal.agent(), filter, page).await?;
    let count = store::count(&mut tx, scope, principal.agent(), filter).await?;
    tx.rollback().await?;
    Ok(Page::new(items, count, page, None))
}
