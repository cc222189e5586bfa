//! Exchanging a code for a new password, in two steps or in one.

use agent_crypto::{
    GuardedError,
    contact_hash::source_ip_hash,
    jwt::{RecoveryClaims, TokenType},
};
use agent_domain::{
    AgentGuid, BrandId, Code, Problem,
    portal::{
        auth::check_new_password,
        recovery::{Reason, RecoveryAction},
    },
};
use agent_persistence::{RecoveryEntry, portal::recovery as store};
use chrono::{DateTime, Utc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    limiter::{Counted, WithoutRedis},
    portal::{
        one_time_code::{self, expires_in, lifetime},
        recovery::{
            Arrival, Flow, Outcome, ResetPermission, brand_allowed, enabled, forget_subject, judge,
            record, recovery_subject,
        },
        recovery_account::{Named, find, still_has},
    },
};

/// A refused code is answered no sooner than a request, for the same reason (P-183). Refusals are
/// counted by source: each writes a row that nobody can delete.
async fn refused_no_sooner<T>(
    app: &App,
    arrival: Arrival<'_>,
    answering: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let answer_at = Instant::now() + app.policy.recovery_answer_after;
    let network = &arrival.source.network;
    let network = app.keys.limit_digest("source-network", network);
    let limit = app.limiter.limits().recovery_refusals;
    let counted = [Counted::new("recovery_refused", network, limit)];
    app.limiter
        .reserve(&counted, WithoutRedis::CountLocally)
        .await?;
    let answer = answering.await;
    match answer {
        Ok(_) => app.limiter.refund(&counted).await,
        Err(_) => tokio::time::sleep_until(answer_at).await,
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
    refused_no_sooner(app, arrival, exchange(app, arrival, request_id, code)).await
}

async fn exchange(
    app: &App,
    arrival: Arrival<'_>,
    request_id: Uuid,
    code: &str,
) -> Result<ResetPermission, Problem> {
    let guessed = one_time_code::guess(app, &recovery_subject(app, request_id), code).await?;
    let mut judged = judge(app, arrival, guessed).await?;
    // A change of phone after this ends the code.
    if let (Ok(()), Some(agent)) = (judged.result, judged.agent())
        && !still_has(app, arrival.brand, agent, judged.contact_hash()).await?
    {
        judged.result = Err(Reason::ContactMismatch);
    }
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
    refused_no_sooner(
        app,
        arrival,
        reset_by_token(app, arrival, token, new_password),
    )
    .await
}

async fn reset_by_token(
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
    refused_no_sooner(
        app,
        arrival,
        forget_named(app, arrival, named, code, new_password),
    )
    .await
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
