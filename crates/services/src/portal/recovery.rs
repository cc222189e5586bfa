//! Setting a new password by a code sent to the account's phone (P-180 … P-203, Q-02, Q-71, Q-91):
//! in three steps (`/agent/recovery/*`) or in one (`/agent/forget`).
//!
//! Whoever asks learns nothing of the account: the same work is done whether or not it exists, and
//! what really happened is in the audit log only.

use std::time::Duration;

use agent_crypto::{
    GuardedError,
    contact_hash::source_ip_hash,
    jwt::{RecoveryClaims, TokenType},
    random,
};
use agent_domain::{
    AgentGuid, Brand, BrandId, Code, Problem,
    portal::{
        auth::check_new_password,
        recovery::{Purpose, Reason, RecoveryAction, RecoveryOutcome},
    },
};
use agent_persistence::{
    RecoveryEntry, brand,
    portal::recovery::{self as store, Guess},
};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        auth::Source,
        one_time_code::{
            self, Drawn, Guessed, Holder, Subject, expires_in, lifetime, reserve_request,
            reserve_send,
        },
        recovery_account::{Account, Named, find},
    },
};

pub use crate::portal::recovery_account::Named as NamedAccount;

/// Which of the two ways is gone; part of the audit row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// `/agent/recovery/*`.
    Recovery,
    /// `/agent/forget`.
    Forget,
}

impl Flow {
    fn as_str(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Forget => "forget",
        }
    }
}

/// Where a public request arrived: the brand of its host, if any, and its source.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    pub brand: Option<&'a Brand>,
    pub source: &'a Source,
}

impl Arrival<'_> {
    fn brand_id(&self) -> i64 {
        self.brand.map_or(0, |brand| brand.id.0)
    }
}

/// The answer of a request for a code, the same whether or not one was sent.
#[derive(Clone, Copy, Debug)]
pub struct Requested {
    pub request_id: Uuid,
    pub expires_in: Duration,
}

/// Permission to set a password once. Holds a token: no `Debug`.
pub struct ResetPermission {
    pub reset_token: String,
    pub expires_in: Duration,
}

/// What an audit row says beside who, where and when.
struct Outcome<'a> {
    flow: Flow,
    action: RecoveryAction,
    result: Result<(), Reason>,
    agent: Option<AgentGuid>,
    brand_id: i64,
    contact_hash: Option<&'a str>,
    recovery: Option<Uuid>,
}

impl Outcome<'_> {
    fn entry<'e>(&'e self, ip_hash: &'e str, at: DateTime<Utc>) -> RecoveryEntry<'e> {
        let mut metadata = json!({ "flow": self.flow.as_str() });
        if let Err(reason) = self.result {
            metadata["reason"] = reason.as_str().into();
        }
        if let Some(recovery) = self.recovery {
            metadata["recovery_id"] = recovery.to_string().into();
        }
        RecoveryEntry {
            agent: self.agent,
            brand_id: self.brand_id,
            action: self.action,
            outcome: self.outcome(),
            contact_hash: self.contact_hash,
            ip_hash,
            metadata,
            at,
        }
    }

    fn outcome(&self) -> RecoveryOutcome {
        self.result
            .map_or_else(Reason::outcome, |()| RecoveryOutcome::Success)
    }

    fn count(&self, app: &App) {
        let labels = [self.action.as_str(), self.outcome().as_str()];
        app.core
            .metrics
            .recovery_total
            .with_label_values(&labels)
            .inc();
    }
}

/// Writes the audit row of an outcome that changes nothing else.
async fn record(app: &App, arrival: Arrival<'_>, outcome: &Outcome<'_>) -> Result<(), Problem> {
    let ip_hash = source_ip_hash(arrival.source.address);
    let mut tx = app.core.db.begin().await?;
    tx.recovery_audited(&outcome.entry(&ip_hash, app.core.clock.now()))
        .await?;
    app.core.commit(tx).await?;
    outcome.count(app);
    Ok(())
}

/// Sends a code to the phone of the account, if there is one that may be recovered here. The
/// answer is the same if there is not, and comes no sooner.
///
/// # Errors
/// `rate_limited` by what was named and by source; `unavailable` while requests cannot be counted.
pub async fn request(
    app: &App,
    arrival: Arrival<'_>,
    flow: Flow,
    named: &Named,
) -> Result<Requested, Problem> {
    let answer_at = Instant::now() + app.policy.recovery_answer_after;
    let limited = reserve_request(app, named.key(), arrival.source).await;
    if let Err(problem) = limited {
        if problem.code == Code::RateLimited {
            let contact = app.contacts.hash(named.key());
            let outcome = Outcome {
                flow,
                action: RecoveryAction::Request,
                result: Err(Reason::RequestLimit),
                agent: None,
                brand_id: arrival.brand_id(),
                contact_hash: Some(contact.as_hex()),
                recovery: None,
            };
            record(app, arrival, &outcome).await?;
        }
        return Err(problem);
    }
    let requested = issue(app, arrival, flow, named).await?;
    tokio::time::sleep_until(answer_at).await;
    Ok(requested)
}

async fn issue(
    app: &App,
    arrival: Arrival<'_>,
    flow: Flow,
    named: &Named,
) -> Result<Requested, Problem> {
    let account = find(app, arrival.brand, named).await?;
    let brand_id = arrival.brand_id();
    let allowed = brand_allowed(app, arrival.brand, account.agent).await?;
    let mut result = allowed.and(
        account
            .contact
            .as_ref()
            .map(|_| ())
            .map_err(|reason| *reason),
    );
    let contact = account.contact.as_ref().ok().filter(|_| result.is_ok());
    // Counted in either case, so that both take the same time.
    if let Err(problem) = reserve_send(app, contact, named.key(), brand_id).await {
        if problem.code != Code::RateLimited {
            return Err(problem);
        }
        result = result.and(Err(Reason::SendLimit));
    }
    let id = random::uuid_v4();
    let subject = match (flow, named) {
        (Flow::Forget, Named::UsernameAndPhone { username, phone }) => {
            forget_subject(app, brand_id, username, phone)
        }
        _ => recovery_subject(app, id),
    };
    let drawn = Drawn::new(app, id, subject);
    let hash = account.contact_hash(app, named);
    let holder = Holder {
        agent: account.agent,
        brand_id,
        contact_hash: Some(hash.as_hex()),
    };
    let outcome = Outcome {
        flow,
        action: RecoveryAction::Request,
        result,
        agent: account.agent,
        brand_id,
        contact_hash: Some(hash.as_hex()),
        recovery: Some(id),
    };
    let ip_hash = source_ip_hash(arrival.source.address);
    let mut tx = app.core.db.begin().await?;
    drawn.store(app, &mut tx, holder, result.is_ok()).await?;
    tx.recovery_audited(&outcome.entry(&ip_hash, app.core.clock.now()))
        .await?;
    app.core.commit(tx).await?;
    outcome.count(app);
    hand_over(app, arrival.brand, account, result, drawn);
    Ok(Requested {
        request_id: id,
        expires_in: expires_in(app),
    })
}

/// Queues the message, or says why there is none, with the hash of the contact only (P-199).
fn hand_over(
    app: &App,
    brand: Option<&Brand>,
    account: Account,
    result: Result<(), Reason>,
    drawn: Drawn,
) {
    match (account.contact, brand, result) {
        (Ok(contact), Some(brand), Ok(())) => {
            drawn.send(app, contact, brand, "set a new password");
        }
        (_, _, Err(Reason::EmailUnprovisioned)) => {
            let unprovisioned = &app.core.metrics.recovery_email_unprovisioned_total;
            unprovisioned.inc();
            let contact_hash = account.email.as_ref().map_or("", |hash| hash.short());
            tracing::warn!(
                contact_hash,
                "recovery: the account has only an e-mail address"
            );
        }
        _ => {}
    }
}

fn recovery_subject(app: &App, id: Uuid) -> Subject {
    Subject::new(app, Purpose::Recovery, &[&id.to_string()])
}

fn forget_subject(app: &App, brand_id: i64, username: &str, phone: &str) -> Subject {
    let brand = brand_id.to_string();
    Subject::new(app, Purpose::Forget, &[&brand, username, phone])
}

/// Whether the brand is known and on the account's list, whatever the mode of enforcement (P-182).
/// For an account that does not exist the same question is asked.
async fn brand_allowed(
    app: &App,
    brand: Option<&Brand>,
    agent: Option<AgentGuid>,
) -> Result<Result<(), Reason>, Problem> {
    let id = brand.map(|brand| brand.id);
    enabled(app, id, agent).await
}

async fn enabled(
    app: &App,
    brand_id: Option<BrandId>,
    agent: Option<AgentGuid>,
) -> Result<Result<(), Reason>, Problem> {
    const NOBODY: AgentGuid = AgentGuid(0);
    let Some(brand_id) = brand_id else {
        return Ok(Err(Reason::BrandUnresolved));
    };
    let pool = app.core.db.pool();
    let on_list = brand::is_enabled(pool, agent.unwrap_or(NOBODY), brand_id).await?;
    if agent.is_some() && !on_list {
        return Ok(Err(Reason::BrandNotEnabled));
    }
    Ok(Ok(()))
}

/// A refused code is answered no sooner than a request, for the same reason (P-183).
async fn refused_no_sooner<T>(
    app: &App,
    answering: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let answer_at = Instant::now() + app.policy.recovery_answer_after;
    let answer = answering.await;
    if answer.is_err() {
        tokio::time::sleep_until(answer_at).await;
    }
    answer
}

/// Exchanges the code for the permission to set a password once.
///
/// # Errors
/// `otp_invalid` whatever is wrong, the brand included.
pub async fn verify(
    app: &App,
    arrival: Arrival<'_>,
    request_id: Uuid,
    code: &str,
) -> Result<ResetPermission, Problem> {
    refused_no_sooner(app, exchange(app, arrival, request_id, code)).await
}

async fn exchange(
    app: &App,
    arrival: Arrival<'_>,
    request_id: Uuid,
    code: &str,
) -> Result<ResetPermission, Problem> {
    let guessed = one_time_code::guess(app, &recovery_subject(app, request_id), code).await?;
    let judged = judge(app, arrival, guessed).await?;
    let outcome = Outcome {
        flow: Flow::Recovery,
        action: RecoveryAction::Verify,
        result: judged.result,
        agent: judged.agent(),
        brand_id: arrival.brand_id(),
        contact_hash: judged.contact_hash(),
        recovery: Some(request_id),
    };
    let Some((agent, brand)) = judged
        .agent()
        .zip(arrival.brand)
        .filter(|_| judged.result.is_ok())
    else {
        record(app, arrival, &outcome).await?;
        return Err(otp_invalid());
    };
    let now = app.core.clock.now();
    let ip_hash = source_ip_hash(arrival.source.address);
    let mut tx = app.core.db.begin().await?;
    if !store::mark_verified(&mut tx, request_id, now, now + lifetime(app)).await? {
        tx.rollback().await?;
        let refused = Outcome {
            result: Err(Reason::NoCode),
            ..outcome
        };
        record(app, arrival, &refused).await?;
        return Err(otp_invalid());
    }
    tx.recovery_audited(&outcome.entry(&ip_hash, now)).await?;
    app.core.commit(tx).await?;
    outcome.count(app);
    let brand_id = Some(brand.id.0);
    let claims = RecoveryClaims::new(agent.0, request_id, brand_id, now, lifetime(app));
    let signed = app.tokens.sign(TokenType::Recovery, &claims);
    Ok(ResetPermission {
        reset_token: signed.map_err(Problem::internal)?,
        expires_in: expires_in(app),
    })
}

/// A guess held against the brand of the request.
struct Judged {
    result: Result<(), Reason>,
    code: Option<Guess>,
}

impl Judged {
    fn agent(&self) -> Option<AgentGuid> {
        self.code.as_ref().and_then(|code| code.agent)
    }

    fn contact_hash(&self) -> Option<&str> {
        self.code
            .as_ref()
            .and_then(|code| code.contact_hash.as_deref())
    }
}

/// The brand comes before the code: a right code on a wrong brand is a brand mismatch.
async fn judge(app: &App, arrival: Arrival<'_>, guessed: Guessed) -> Result<Judged, Problem> {
    let (result, code) = match guessed {
        Guessed::Right(code) => (Ok(()), Some(code)),
        Guessed::Refused(reason, code) => (Err(reason), code),
    };
    let agent = code.as_ref().and_then(|code| code.agent);
    let allowed = brand_allowed(app, arrival.brand, agent).await?;
    let issued_here = code
        .as_ref()
        .is_none_or(|code| code.brand_id == arrival.brand_id());
    let result = match allowed {
        Ok(()) if !issued_here => Err(Reason::BrandNotEnabled),
        Ok(()) => result,
        refused => refused,
    };
    Ok(Judged { result, code })
}

fn otp_invalid() -> Problem {
    Problem::new(Code::OtpInvalid, "the code is not valid")
}

fn token_invalid() -> Problem {
    Problem::new(Code::TokenInvalid, "the reset token is not valid")
}

/// Sets a new password by a reset token, once. The token's brand comes before the host's (P-180,
/// P-181).
///
/// # Errors
/// `token_invalid` whatever is wrong with token or brand, then `validation_failed` for a password
/// against the rules, which leaves the token good.
pub async fn reset(
    app: &App,
    arrival: Arrival<'_>,
    token: &str,
    new_password: &str,
) -> Result<(), Problem> {
    let now = app.core.clock.now();
    let claims = app
        .tokens
        .verify::<RecoveryClaims>(TokenType::Recovery, token, now)
        .ok();
    let claimed = claims.as_ref().and_then(|claims| claims.brand_id);
    let brand = claimed.map(BrandId).or(arrival.brand.map(|brand| brand.id));
    let found = match &claims {
        Some(claims) => proven(app, claims, now).await?,
        None => None,
    };
    let mut outcome = Outcome {
        flow: Flow::Recovery,
        action: RecoveryAction::Reset,
        result: Ok(()),
        agent: found.as_ref().map(|found| found.agent),
        brand_id: brand.map_or(0, |brand| brand.0),
        contact_hash: found
            .as_ref()
            .and_then(|found| found.contact_hash.as_deref()),
        recovery: claims.as_ref().map(|claims| claims.jti),
    };
    let (Some(found), Some(claims)) = (&found, &claims) else {
        outcome.result = Err(Reason::TokenRefused);
        record(app, arrival, &outcome).await?;
        return Err(token_invalid());
    };
    if let Err(reason) = enabled(app, brand, Some(found.agent)).await? {
        outcome.result = Err(reason);
        record(app, arrival, &outcome).await?;
        return Err(token_invalid());
    }
    set_password(
        app,
        arrival,
        outcome,
        claims.jti,
        found.agent,
        new_password,
        token_invalid(),
    )
    .await
}

/// The recovery that a token is for, if it is the agent's and not used yet.
async fn proven(
    app: &App,
    claims: &RecoveryClaims,
    now: DateTime<Utc>,
) -> Result<Option<store::ProvenRecovery>, Problem> {
    let Ok(agent) = claims.agent_guid() else {
        return Ok(None);
    };
    let found = store::proven(app.core.db.pool(), claims.jti, now).await?;
    Ok(found.filter(|found| found.agent.0 == agent))
}

/// Sets a new password by account, phone and code in one step.
///
/// # Errors
/// `otp_invalid` whatever is wrong with account, phone, brand or code, then `validation_failed`
/// for a password against the rules, which leaves the code good for the guesses that remain.
pub async fn forget(
    app: &App,
    arrival: Arrival<'_>,
    username: &str,
    phone: &str,
    code: &str,
    new_password: &str,
) -> Result<(), Problem> {
    let named = Named::username_and_phone(username, phone, arrival.brand)?;
    refused_no_sooner(app, forget_named(app, arrival, named, code, new_password)).await
}

async fn forget_named(
    app: &App,
    arrival: Arrival<'_>,
    named: Named,
    code: &str,
    new_password: &str,
) -> Result<(), Problem> {
    let account = find(app, arrival.brand, &named).await?;
    let subject = match &named {
        Named::UsernameAndPhone { username, phone } => {
            forget_subject(app, arrival.brand_id(), username, phone)
        }
        _ => return Err(otp_invalid()),
    };
    let guessed = one_time_code::guess(app, &subject, code).await?;
    let mut judged = judge(app, arrival, guessed).await?;
    if let Err(reason) = brand_allowed(app, arrival.brand, account.agent).await? {
        judged.result = Err(reason);
    }
    // A code proves the phone that it was sent to, which need not be the account's any more.
    let contact = account.contact.as_ref().map(|_| ());
    judged.result = judged.result.and(contact.map_err(|reason| *reason));
    let hash = account.contact_hash(app, &named);
    let outcome = Outcome {
        flow: Flow::Forget,
        action: RecoveryAction::Reset,
        result: judged.result,
        agent: account.agent,
        brand_id: arrival.brand_id(),
        contact_hash: Some(hash.as_hex()),
        recovery: judged.code.as_ref().map(|code| code.id),
    };
    let right = judged.code.as_ref().filter(|_| judged.result.is_ok());
    let right = right.and_then(|code| code.agent.map(|agent| (code.id, agent)));
    let Some((id, agent)) = right else {
        record(app, arrival, &outcome).await?;
        return Err(otp_invalid());
    };
    set_password(
        app,
        arrival,
        outcome,
        id,
        agent,
        new_password,
        otp_invalid(),
    )
    .await
}

/// Uses the proof up and sets the password: audit row, proof and password in one transaction
/// (P-197), of which one per proof succeeds.
async fn set_password(
    app: &App,
    arrival: Arrival<'_>,
    outcome: Outcome<'_>,
    proof: Uuid,
    agent: AgentGuid,
    new_password: &str,
    used: Problem,
) -> Result<(), Problem> {
    if let Err(problem) = check_new_password("new_password", new_password) {
        let refused = Outcome {
            result: Err(Reason::PasswordPolicy),
            ..outcome
        };
        record(app, arrival, &refused).await?;
        return Err(problem);
    }
    let hashed = app.passwords.hash(new_password).await;
    let hashed = hashed.map_err(|error| app.password_problem(GuardedError::Password(error)))?;
    let ip_hash = source_ip_hash(arrival.source.address);
    let entry = outcome.entry(&ip_hash, app.core.clock.now());
    if retrying(|| use_proof(app, &entry, proof, agent, &hashed)).await? {
        outcome.count(app);
        return Ok(());
    }
    let refused = Outcome {
        result: Err(match outcome.flow {
            Flow::Recovery => Reason::TokenRefused,
            Flow::Forget => Reason::NoCode,
        }),
        ..outcome
    };
    record(app, arrival, &refused).await?;
    Err(used)
}

/// `false`, and nothing changed, when the proof is no longer good or the account is not active.
async fn use_proof(
    app: &App,
    entry: &RecoveryEntry<'_>,
    proof: Uuid,
    agent: AgentGuid,
    password_hash: &str,
) -> Result<bool, Stopped> {
    let mut tx = app.core.db.begin().await?;
    let mut audited = tx.recovery_audited(entry).await?;
    // The account before the code, as a change of password locks them.
    let active = audited.lock_password(agent).await?.is_some();
    if !active || !audited.consume_code(proof, entry.at).await? {
        tx.rollback().await?;
        return Ok(false);
    }
    audited.set_password(agent, password_hash, entry.at).await?;
    app.core.commit(tx).await?;
    Ok(true)
}
