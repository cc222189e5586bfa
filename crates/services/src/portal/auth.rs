//! Signing in, refreshing, signing out, changing the password.

use std::{net::IpAddr, time::Duration};

use agent_crypto::{
    GuardedError, PasswordCheck,
    jwt::{AccessClaims, TokenType},
    random,
};
use agent_domain::{
    AgentGuid, BrandId, BrandScope, Code, Problem,
    portal::auth::{AgentStatus, check_new_password, normalise_username},
};
use agent_persistence::{
    AuditEntry,
    portal::auth::{self as store, Credentials, LoginAttempt, NewRefreshToken, PresentedToken},
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    limiter::{Counted, WithoutRedis},
    session::Principal,
};

/// Where a request came from.
#[derive(Clone, Debug)]
pub struct Source {
    pub address: IpAddr,
    /// The address as limits count it: of IPv6 the whole /64, which one client owns.
    pub network: String,
    pub user_agent: Option<String>,
}

impl Source {
    /// Keyed hash of the address: what rows keep instead of it.
    #[must_use]
    pub fn ip_hash(&self, app: &App) -> String {
        app.keys
            .limit_key("source-address", &self.address.to_string())
    }
}

/// An account whose password was right. Only [`verify_login`] makes one.
pub struct VerifiedLogin {
    account: Credentials,
    rehashed: Option<String>,
}

impl VerifiedLogin {
    #[must_use]
    pub fn agent(&self) -> AgentGuid {
        self.account.guid
    }
}

/// A session as the client gets it. Holds tokens: no `Debug`.
pub struct SessionTokens {
    pub access_token: String,
    pub refresh_token: String,
    pub expires_in: Duration,
    pub account: Credentials,
}

/// Checks a password. Unknown names take the same path as wrong passwords: counted alike, hashed
/// alike, logged alike, answered alike.
///
/// # Errors
/// `rate_limited`, `invalid_credentials`, `account_locked` (only after a correct password),
/// `unavailable` when too many passwords are being hashed.
pub async fn verify_login(
    app: &App,
    username: &str,
    password: &str,
    source: &Source,
) -> Result<VerifiedLogin, Problem> {
    let sent = username.trim();
    let username = normalise_username(sent);
    let counted = login_limits(app, &username, source);
    // Looked at within the turn: an attempt that is being evaluated must not make this one seem
    // one too many.
    let turn = app.limiter.turn(&username).await;
    app.limiter
        .peek(&counted, WithoutRedis::CountLocally)
        .await?;
    let account = store::credentials_by_username(app.core.db.pool(), sent).await?;
    let account = account.filter(|account| account.status != AgentStatus::Deleted);
    let stored = account
        .as_ref()
        .map(|account| account.password_hash.as_str());
    let check = check_password(app, stored, password, &counted).await?;
    drop(turn);
    let known = account.as_ref().map(|account| account.guid);
    let Some(account) = account.filter(|_| check.matches) else {
        return Err(refuse_login(app, known, "invalid_credentials", source).await?);
    };
    if account.status == AgentStatus::Locked {
        return Err(refuse_login(app, Some(account.guid), "account_locked", source).await?);
    }
    let rehashed = if check.rehash {
        Some(hash(app, password).await?)
    } else {
        None
    };
    Ok(VerifiedLogin { account, rehashed })
}

fn login_limits(app: &App, username: &str, source: &Source) -> [Counted; 2] {
    let limits = app.limiter.limits();
    let by_name = app.keys.limit_digest("username-limit", username);
    let by_source = app.keys.limit_digest("source-network", &source.network);
    [
        Counted::new("login_username", by_name, limits.login_per_username),
        Counted::new("login_source", by_source, limits.login_per_source),
    ]
}

/// Verifies under the limits: counted right before the hash is computed, given back when right.
async fn check_password(
    app: &App,
    stored: Option<&str>,
    password: &str,
    counted: &[Counted],
) -> Result<PasswordCheck, Problem> {
    let before = || app.limiter.reserve(counted, WithoutRedis::CountLocally);
    let check = app.passwords.verify_guarded(stored, password, before).await;
    let check = check.map_err(|error| app.password_problem(error))?;
    if check.matches {
        app.limiter.refund(counted).await;
    }
    Ok(check)
}

async fn hash(app: &App, password: &str) -> Result<String, Problem> {
    let hashed = app.passwords.hash(password).await;
    hashed.map_err(|error| app.password_problem(GuardedError::Password(error)))
}

async fn refuse_login(
    app: &App,
    agent: Option<AgentGuid>,
    outcome: &'static str,
    source: &Source,
) -> Result<Problem, Problem> {
    log_refusal(app, agent, None, outcome, source).await?;
    Ok(match outcome {
        "account_locked" => Problem::new(Code::AccountLocked, "this account is locked"),
        _ => Problem::new(
            Code::InvalidCredentials,
            "the username or the password is wrong",
        ),
    })
}

/// Notes a login that the brand check refused after a correct password.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn log_refusal(
    app: &App,
    agent: Option<AgentGuid>,
    brand: Option<BrandId>,
    outcome: &'static str,
    source: &Source,
) -> Result<(), Problem> {
    app.core
        .metrics
        .login_total
        .with_label_values(&[outcome])
        .inc();
    let attempt = LoginAttempt {
        agent,
        brand,
        outcome,
        ip_hash: &source.ip_hash(app),
        user_agent: source.user_agent.as_deref(),
        at: app.core.clock.now(),
    };
    Ok(store::log_attempt(app.core.db.pool(), &attempt).await?)
}

/// Opens a session for an account whose password was right and whose brand was checked.
///
/// # Errors
/// `invalid_credentials` when the password or the account changed in between.
pub async fn open_session(
    app: &App,
    login: VerifiedLogin,
    scope: &BrandScope,
    source: &Source,
) -> Result<SessionTokens, Problem> {
    let refresh = random::token_32();
    let now = app.core.clock.now();
    let token = NewRefreshToken {
        id: random::uuid_v7(now),
        family: random::uuid_v4(),
        agent: login.account.guid,
        token_hash: &app.keys.refresh_token_hash(refresh.as_bytes()),
        brand: Some(scope.id()),
        ip_hash: &source.ip_hash(app),
        user_agent: source.user_agent.as_deref(),
        created_at: now,
        expires_at: now + app.policy.refresh_idle_ttl,
        family_expires_at: now + app.policy.refresh_absolute_ttl,
    };
    let version = login.account.token_version;
    let opened = store::open_session(
        app.core.db.pool(),
        &token,
        version,
        login.rehashed.as_deref(),
    )
    .await?;
    if !opened {
        return Err(
            refuse_login(app, Some(login.account.guid), "changed_meanwhile", source).await?,
        );
    }
    app.core
        .metrics
        .login_total
        .with_label_values(&["success"])
        .inc();
    tokens(app, login.account, token.family, &refresh, now)
}

fn tokens(
    app: &App,
    account: Credentials,
    family: Uuid,
    refresh: &random::OpaqueToken,
    now: DateTime<Utc>,
) -> Result<SessionTokens, Problem> {
    let expires_in = app.policy.access_ttl;
    let lifetime = TimeDelta::from_std(expires_in).map_err(Problem::internal)?;
    let claims = AccessClaims::new(account.guid.0, family, account.token_version, now, lifetime);
    let access_token = app
        .tokens
        .sign(TokenType::Access, &claims)
        .map_err(Problem::internal)?;
    Ok(SessionTokens {
        access_token,
        refresh_token: refresh.expose_text().to_string(),
        expires_in,
        account,
    })
}

/// A refresh token that is known here; whether it is good is decided when it is rotated.
pub struct PresentedRefresh {
    hash: [u8; 32],
    agent: AgentGuid,
}

impl PresentedRefresh {
    #[must_use]
    pub fn agent(&self) -> AgentGuid {
        self.agent
    }
}

/// Finds whose refresh token was presented, so that the brand can be checked before it is used up.
///
/// # Errors
/// `unauthenticated` for anything that is no refresh token of ours.
pub async fn find_refresh(app: &App, token: &str) -> Result<PresentedRefresh, Problem> {
    let token = random::OpaqueToken::parse(token).ok_or_else(refresh_refused)?;
    let hash = app.keys.refresh_token_hash(token.as_bytes());
    let agent = store::agent_of_token(app.core.db.pool(), &hash).await?;
    Ok(PresentedRefresh {
        hash,
        agent: agent.ok_or_else(refresh_refused)?,
    })
}

fn refresh_refused() -> Problem {
    Problem::new(Code::Unauthenticated, "the refresh token is not valid")
}

/// Rotates a refresh token: of parallel uses one wins, a late second use ends the whole session.
///
/// # Errors
/// `refresh_raced` within the grace time, else `unauthenticated`.
pub async fn refresh(
    app: &App,
    presented: &PresentedRefresh,
    scope: &BrandScope,
    source: &Source,
) -> Result<SessionTokens, Problem> {
    let refresh = random::token_32();
    let now = app.core.clock.now();
    let mut tx = app.core.db.begin().await?;
    let account = store::lock_account(&mut tx, presented.agent).await?;
    let account = account
        .filter(|account| account.status == AgentStatus::Active)
        .ok_or_else(refresh_refused)?;
    let old = store::lock_token(&mut tx, &presented.hash)
        .await?
        .ok_or_else(refresh_refused)?;
    if let Err(problem) = judge_token(app, &old, now) {
        tx.rollback().await?;
        return Err(end_stolen_family(app, &old, now, problem).await?);
    }
    let next = NewRefreshToken {
        id: random::uuid_v7(now),
        family: old.family,
        agent: old.agent,
        token_hash: &app.keys.refresh_token_hash(refresh.as_bytes()),
        brand: Some(scope.id()),
        ip_hash: &source.ip_hash(app),
        user_agent: source.user_agent.as_deref(),
        created_at: now,
        expires_at: (now + app.policy.refresh_idle_ttl).min(old.family_expires_at),
        family_expires_at: old.family_expires_at,
    };
    if !store::rotate(&mut tx, old.id, &next).await? {
        return Err(refresh_refused());
    }
    app.core.commit(tx).await?;
    tokens(app, account, old.family, &refresh, now)
}

fn judge_token(app: &App, old: &PresentedToken, now: DateTime<Utc>) -> Result<(), Problem> {
    if old.revoked_at.is_some() || old.expires_at <= now || old.family_expires_at <= now {
        return Err(refresh_refused());
    }
    match old.used_at {
        None => Ok(()),
        Some(used) if now < used + app.policy.refresh_grace => Err(Problem::new(
            Code::RefreshRaced,
            "another request has just rotated this token",
        )),
        Some(_) => Err(refresh_refused()),
    }
}

/// A used token that comes back after the grace time is in two hands: its family ends.
async fn end_stolen_family(
    app: &App,
    old: &PresentedToken,
    now: DateTime<Utc>,
    problem: Problem,
) -> Result<Problem, Problem> {
    let reused = old.used_at.is_some() && old.revoked_at.is_none();
    if reused && problem.code == Code::Unauthenticated {
        end_family(app, old.agent, old.family, now).await?;
        tracing::warn!(agent = %old.agent, "refresh token used twice: session ended");
    }
    Ok(problem)
}

/// Ends the session of the access token.
///
/// # Errors
/// `unavailable` when the database does not answer.
pub async fn logout(app: &App, principal: &Principal) -> Result<(), Problem> {
    let now = app.core.clock.now();
    end_family(app, principal.agent(), principal.family(), now).await
}

async fn end_family(
    app: &App,
    agent: AgentGuid,
    family: Uuid,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    let mut tx = app.core.db.begin().await?;
    store::revoke_family(&mut tx, agent, family, now).await?;
    Ok(app.core.commit(tx).await?)
}

/// Changes the password and ends every session of the agent, the current one included.
///
/// # Errors
/// `invalid_credentials` for a wrong old password, `validation_failed` for a weak new one,
/// `rate_limited`, `conflict` when the password changed in between.
pub async fn change_password(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    source: &Source,
    old_password: &str,
    new_password: &str,
) -> Result<(), Problem> {
    check_new_password("new_password", new_password)?;
    let verified = verify_own_password(app, principal, source, old_password).await?;
    let new_hash = hash(app, new_password).await?;
    retrying(|| store_password(app, principal, scope, &verified, &new_hash)).await
}

/// Checks the login password of whoever is signed in, under the limits of signing in. Gives the
/// hash that it was held against: what follows holds only while that is the account's.
///
/// # Errors
/// `invalid_credentials`, `rate_limited`, `unavailable`.
pub(crate) async fn verify_own_password(
    app: &App,
    principal: &Principal,
    source: &Source,
    password: &str,
) -> Result<String, Problem> {
    let account = store::credentials_by_guid(app.core.db.pool(), principal.agent())
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let username = normalise_username(&account.username);
    let counted = login_limits(app, &username, source);
    // Looked at within the turn: an attempt that is being evaluated must not make this one seem
    // one too many.
    let turn = app.limiter.turn(&username).await;
    app.limiter
        .peek(&counted, WithoutRedis::CountLocally)
        .await?;
    let check = check_password(app, Some(&account.password_hash), password, &counted).await?;
    drop(turn);
    if !check.matches {
        return Err(Problem::new(
            Code::InvalidCredentials,
            "the password is wrong",
        ));
    }
    Ok(account.password_hash)
}

async fn store_password(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    verified_hash: &str,
    new_hash: &str,
) -> Result<(), Stopped> {
    let now = app.core.clock.now();
    let operator = principal.operator_id();
    let entry = AuditEntry {
        operator_id: &operator,
        resource: "agent",
        resource_id: principal.agent().to_string(),
        action: "AGENT_EDIT_PASSWORD",
        brand_id: scope.id().0,
        old_value: None,
        new_value: None,
        at: now,
    };
    let mut tx = app.core.db.begin().await?;
    let mut audited = tx.audited(&entry).await?;
    let current = audited.lock_password(principal.agent()).await?;
    if current.is_none_or(|(hash, _)| hash != verified_hash) {
        return Err(Problem::new(Code::Conflict, "the password was changed meanwhile").into());
    }
    audited
        .set_password(principal.agent(), new_hash, now)
        .await?;
    app.core.commit(tx).await?;
    Ok(())
}
