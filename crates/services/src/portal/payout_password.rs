//! Checking the payout password: a short PIN, so guesses are counted before they are evaluated,
//! and while they cannot be counted none is.

use agent_domain::{AgentGuid, Code, Problem};
use agent_persistence::portal::withdraw::payout_password_hash;

use crate::{
    app::App,
    limiter::{Counted, WithoutRedis},
};

/// Checks the payout password if the agent has one.
///
/// # Errors
/// `payout_password_invalid`, `rate_limited`, `unavailable`.
pub(crate) async fn check_if_set(
    app: &App,
    agent: AgentGuid,
    given: Option<&str>,
) -> Result<(), Problem> {
    let Some(stored) = payout_password_hash(app.core.db.pool(), agent).await? else {
        return Ok(());
    };
    let given = given.ok_or_else(|| invalid("the payout password is required"))?;
    verify(app, agent, &stored, given).await
}

/// Checks the payout password, without which nothing can be proven. Gives the hash that it was
/// held against.
///
/// # Errors
/// As [`check_if_set`]; `payout_password_unset`.
pub(crate) async fn check(app: &App, agent: AgentGuid, given: &str) -> Result<String, Problem> {
    let stored = payout_password_hash(app.core.db.pool(), agent).await?;
    let stored = stored
        .ok_or_else(|| Problem::new(Code::PayoutPasswordUnset, "set a payout password first"))?;
    verify(app, agent, &stored, given).await?;
    Ok(stored)
}

async fn verify(app: &App, agent: AgentGuid, stored: &str, given: &str) -> Result<(), Problem> {
    let limit = app.limiter.limits().payout_password;
    let key = app.keys.limit_digest("payout-password", &agent.to_string());
    let counted = [Counted::new("payout_password", key, limit)];
    app.limiter.peek(&counted, WithoutRedis::Refuse).await?;
    let turn = app.limiter.turn(&format!("payout:{agent}")).await;
    let before = || app.limiter.reserve(&counted, WithoutRedis::Refuse);
    let check = app
        .passwords
        .verify_guarded(Some(stored), given, before)
        .await;
    let check = check.map_err(|error| app.password_problem(error))?;
    drop(turn);
    if !check.matches {
        return Err(invalid("the payout password is wrong"));
    }
    app.limiter.refund(&counted).await;
    Ok(())
}

fn invalid(detail: &'static str) -> Problem {
    Problem::new(Code::PayoutPasswordInvalid, detail)
}
