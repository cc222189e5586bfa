//! From an access token to a [`Principal`].

use std::{sync::Arc, time::Duration};

use agent_crypto::jwt::{self, AccessClaims, TokenError, TokenType};
use agent_domain::{AgentGuid, Code, Problem, portal::auth::AgentStatus};
use agent_persistence::portal::auth;
use moka::sync::Cache;
use uuid::Uuid;

use crate::app::App;

/// Proof that a request carries a live session of an active agent. Only [`authenticate`] makes one.
#[derive(Clone, Debug)]
pub struct Principal {
    agent: AgentGuid,
    family: Uuid,
}

impl Principal {
    #[must_use]
    pub fn agent(&self) -> AgentGuid {
        self.agent
    }

    /// The refresh family that the access token belongs to.
    #[must_use]
    pub fn family(&self) -> Uuid {
        self.family
    }

    /// How the agent is named in audit rows (P-217).
    #[must_use]
    pub fn operator_id(&self) -> String {
        format!("agent:{}", self.agent)
    }
}

/// Remembers that a signature was right. An RSA verification is the dearest part of a read; what
/// is remembered says nothing about the session, which is read anew each time.
pub(crate) struct SignatureMemo(Cache<[u8; 32], Arc<AccessClaims>>);

impl Default for SignatureMemo {
    fn default() -> Self {
        let cache = Cache::builder()
            .max_capacity(50_000)
            // An access token lives 15 minutes by default; its expiry is checked on every use.
            .time_to_live(Duration::from_secs(900))
            .build();
        Self(cache)
    }
}

/// A genuine access token; whether its session still lives is not yet known.
pub struct Claimed {
    agent: AgentGuid,
    claims: Arc<AccessClaims>,
}

impl Claimed {
    #[must_use]
    pub fn agent(&self) -> AgentGuid {
        self.agent
    }
}

/// Verifies the signature and the claims of an access token; asks nobody.
///
/// # Errors
/// `token_expired`, or `unauthenticated` for everything else that is wrong with it.
pub fn claim(app: &App, token: &str) -> Result<Claimed, Problem> {
    let claims = verified_claims(app, token)?;
    let agent = AgentGuid(claims.agent_guid().map_err(refusal)?);
    Ok(Claimed { agent, claims })
}

/// Holds a genuine token against the account and its refresh family.
///
/// # Errors
/// `unauthenticated` when the account or the session is over; `unavailable` when the database
/// does not answer.
pub async fn authenticate(app: &App, claimed: &Claimed) -> Result<Principal, Problem> {
    let Claimed { agent, claims } = claimed;
    let now = app.core.clock.now();
    let state = auth::session_state(app.core.db.pool(), *agent, claims.sid, now)
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let alive = state.status == AgentStatus::Active
        && state.token_version == claims.tv
        && state.family_alive;
    if !alive {
        return Err(Problem::unauthenticated());
    }
    Ok(Principal {
        agent: *agent,
        family: claims.sid,
    })
}

fn verified_claims(app: &App, token: &str) -> Result<Arc<AccessClaims>, Problem> {
    let digest = jwt::token_digest(token);
    let now = app.core.clock.now();
    if let Some(claims) = app.signatures.0.get(&digest)
        && now.timestamp() < claims.exp.saturating_add(app.policy.leeway_seconds)
    {
        return Ok(claims);
    }
    let verified = app
        .tokens
        .verify::<AccessClaims>(TokenType::Access, token, now);
    let claims = Arc::new(verified.map_err(refusal)?);
    app.signatures.0.insert(digest, Arc::clone(&claims));
    Ok(claims)
}

fn refusal(error: TokenError) -> Problem {
    match error {
        TokenError::Expired => Problem::new(Code::TokenExpired, "the access token has expired"),
        TokenError::Invalid => Problem::unauthenticated(),
    }
}
