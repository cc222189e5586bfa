//! How much one agent may do within an hour, however many sessions it has.
//!
//! Nothing is guessed here, so that without Redis each process counts for itself: work goes on.

use agent_domain::{AgentGuid, Problem};

use crate::{
    app::App,
    limiter::{Counted, Limit, WithoutRedis},
};

/// Counts an agent about to be made, before its password is hashed.
///
/// # Errors
/// `rate_limited`.
pub(crate) async fn count_sub_add(app: &App, agent: AgentGuid) -> Result<(), Problem> {
    count(app, "sub_add", agent, app.limiter.limits().sub_adds).await
}

/// Counts a password about to be set for a sub, before it is hashed.
///
/// # Errors
/// `rate_limited`.
pub(crate) async fn count_sub_reset(app: &App, agent: AgentGuid) -> Result<(), Problem> {
    count(app, "sub_reset", agent, app.limiter.limits().sub_resets).await
}

/// Counts a change that leaves audit rows and events behind, which are kept: without a limit who
/// grants and recycles, or orders and cancels, in turns could fill the database.
///
/// # Errors
/// `rate_limited`.
pub(crate) async fn count_change(app: &App, agent: AgentGuid) -> Result<(), Problem> {
    count(app, "change", agent, app.limiter.limits().changes).await
}

async fn count(
    app: &App,
    purpose: &'static str,
    agent: AgentGuid,
    limit: Limit,
) -> Result<(), Problem> {
    let key = app.keys.limit_digest(purpose, &agent.to_string());
    let counted = [Counted::new(purpose, key, limit)];
    app.limiter
        .reserve(&counted, WithoutRedis::CountLocally)
        .await
}
