//! What an agent earned by provider.

use agent_domain::{
    BrandScope, Problem,
    page::{DayRange, Page, PageRequest},
    portal::report::StatScope,
};
use agent_persistence::portal::provider_income::{self as store, IncomeRow, IncomeTotals};

use super::provider::page_of;
use crate::{app::App, session::Principal};

/// What the agent earned by provider over days, with the totals.
///
/// # Errors
/// `unavailable` when the database does not answer, and while days of the range are summed up anew
/// after an update: money is shown whole or not at all.
pub async fn income(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    range: DayRange,
    whose: StatScope,
    page: PageRequest,
) -> Result<Page<IncomeRow, IncomeTotals>, Problem> {
    let found = store::income(app.core.db.pool(), scope, principal.agent(), range, whose).await?;
    let rows = found.ok_or_else(|| Problem::unavailable("days are summed up anew"))?;
    let totals = rows.iter().map(|row| row.totals).sum();
    Ok(page_of(rows, page, Some(totals)))
}
