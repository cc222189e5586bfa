//! The list of players below an agent.

use agent_domain::{
    AgentGuid, BrandScope, Problem,
    page::{DayRange, Page, PageRequest, Sort, TOTAL_CAP},
    portal::player::{PlayerScope, PlayerSort},
};
use agent_persistence::portal::{
    downline::downline,
    player_list::{self as store, PlayerRow, PlayerSums},
    player_selection::{PlayerFilter, Selection},
};

use crate::{app::App, session::Principal};

/// What is asked of the list.
pub struct PlayerSearch {
    /// An agent below the one who asks; that one itself where nothing is said.
    pub agent: Option<AgentGuid>,
    pub scope: PlayerScope,
    pub filter: PlayerFilter,
    pub sort: Sort<PlayerSort>,
    /// Days whose sums are shown.
    pub days: DayRange,
    pub page: PageRequest,
}

/// One page of players, its count and its sums, of one instant. The sums come from the roll-ups
/// where nothing narrows the list, and there are none where a filter leaves too many.
///
/// # Errors
/// `not_found` for an agent that is not below the one who asks, `unavailable` when the database
/// does not answer.
pub async fn list(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    search: PlayerSearch,
) -> Result<Page<PlayerRow, PlayerSums>, Problem> {
    let PlayerSearch {
        agent,
        filter,
        days,
        page,
        ..
    } = search;
    let (pool, asking) = (app.core.db.pool(), principal.agent());
    let agent = downline(pool, scope, asking, agent.unwrap_or(asking)).await?;
    let agent = agent.ok_or_else(Problem::not_found)?;
    let selection = Selection::new(scope, &agent, search.scope, &filter);
    let mut tx = app.core.db.report().await?;
    let count = store::count(&mut tx, &selection).await?;
    let found = store::page(&mut tx, &selection, count, search.sort, page).await?;
    let items = store::rows(&mut tx, &selection, &found, days).await?;
    let sums = if filter.is_empty() {
        Some(store::sums_of_agent(&mut tx, &selection, days).await?)
    } else if count <= TOTAL_CAP {
        Some(store::sums_of_players(&mut tx, &selection, days).await?)
    } else {
        None
    };
    tx.rollback().await?;
    Ok(Page::new(items, count, page, sums))
}
