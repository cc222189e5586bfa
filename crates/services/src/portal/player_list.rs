//! The list of players below an agent.

use agent_domain::{
    AgentGuid, BrandScope, Problem,
    page::{DayRange, Page, PageRequest, Sort, TOTAL_CAP},
    portal::player::{PlayerScope, PlayerSort},
};
use agent_persistence::{
    portal::{
        downline::downline,
        player_list::{self as store, PlayerRow, PlayerSums},
        player_selection::{PlayerFilter, Selection},
    },
    rows::collect,
};

use crate::{
    app::App,
    export::{Export, Opening},
    session::Principal,
};

/// What is asked of the list.
pub struct PlayerSearch {
    /// An agent below the one who asks; that one itself where nothing is said.
    pub agent: Option<AgentGuid>,
    pub scope: PlayerScope,
    pub filter: PlayerFilter,
    pub sort: Sort<PlayerSort>,
    /// Days whose sums are shown.
    pub days: DayRange,
}

/// The players that are meant.
async fn select(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    search: &PlayerSearch,
) -> Result<Selection, Problem> {
    let (pool, asking) = (app.core.db.pool(), principal.agent());
    let agent = downline(pool, scope, asking, search.agent.unwrap_or(asking)).await?;
    let agent = agent.ok_or_else(Problem::not_found)?;
    let (players, filter) = (search.scope, &search.filter);
    Ok(Selection::new(scope, asking, &agent, players, filter))
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
    page: PageRequest,
) -> Result<Page<PlayerRow, PlayerSums>, Problem> {
    let selection = select(app, principal, scope, &search).await?;
    let days = search.days;
    let mut tx = app.core.db.report().await?;
    let count = store::count(&mut tx, &selection, TOTAL_CAP).await?;
    let found = store::page(&mut tx, &selection, count, search.sort, page).await?;
    let items = collect(store::list(&mut tx, &selection, &found, days)).await?;
    let sums = if search.filter.is_empty() {
        Some(store::sums_of_agent(&mut tx, &selection, days).await?)
    } else if count <= TOTAL_CAP {
        Some(store::sums_of_players(&mut tx, &selection, days).await?)
    } else {
        None
    };
    drop(tx);
    Ok(Page::new(items, count, page, sums))
}

/// Every player of the same list. The numbers of all are read first, eight bytes each.
///
/// # Errors
/// As [`list`]; `export_too_large`, `rate_limited`.
pub async fn export(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    search: PlayerSearch,
) -> Result<Export<PlayerRow>, Problem> {
    let selection = select(app, principal, scope, &search).await?;
    let opening = Opening::new(app, principal, "players").await?;
    let mut tx = opening.begin(app).await?;
    let count = store::count(&mut tx, &selection, opening.max_rows()).await?;
    opening.admit(count)?;
    let found = store::page(&mut tx, &selection, count, search.sort, opening.page()).await?;
    let days = search.days;
    Ok(opening.stream(tx, move |tx| store::list(tx, &selection, &found, days)))
}
