//! What an agent earned by provider.

use agent_domain::{
    BrandScope, Problem,
    page::{DayRange, Page, PageRequest},
    portal::report::StatScope,
};
use agent_persistence::portal::{
    downline::downline,
    provider_income::{self as store, IncomeRow, IncomeTotals},
};

use super::provider::page_of;
use crate::{app::App, session::Principal};

/// What the agent earned by provider over days, with the totals.
///
/// # Errors
/// `unavailable` when the database does not answer in time.
pub async fn income(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    range: DayRange,
    whose: StatScope,
    page: PageRequest,
) -> Result<Page<IncomeRow, IncomeTotals>, Problem> {
    let agent = principal.agent();
    let own = downline(app.core.db.pool(), scope, agent, agent).await?;
    let own = own.ok_or_else(Problem::not_found)?;
    let mut tx = app.core.db.report().await?;
    let found = store::income(&mut tx, scope, &own, range, whose).await?;
    tx.rollback().await?;
    Ok(page_of(found.rows, page, Some(found.totals)))
}
