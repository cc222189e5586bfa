//! Setting a new password by a code sent to the account's phone (P-180 … P-203, Q-02, Q-71, Q-91):
//! in three steps (`/agent/recovery/*`) or in one (`/agent/forget`).
//!
//! Whoever asks learns nothing of the account: the same work is done whether or not it exists, and
//! what really happened is in the audit log only.

use std::time::Duration;

use agent_crypto::contact_hash::source_ip_hash;
use agent_domain::{
    AgentGuid, Brand, BrandId, Problem,
    portal::recovery::{Purpose, Reason, RecoveryAction, RecoveryOutcome},
};
use agent_persistence::{RecoveryEntry, brand, portal::recovery::Guess};
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    portal::{
        auth::Source,
        one_time_code::{Guessed, Subject},
    },
};

pub use crate::portal::{
    recovery_account::Named as NamedAccount,
    recovery_request::request,
    recovery_reset::{forget, reset, verify},
};

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
    pub(super) fn brand_id(&self) -> i64 {
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
pub(super) struct Outcome<'a> {
    pub(super) flow: Flow,
    pub(super) action: RecoveryAction,
    pub(super) result: Result<(), Reason>,
    pub(super) agent: Option<AgentGuid>,
    pub(super) brand_id: i64,
    pub(super) contact_hash: Option<&'a str>,
    pub(super) recovery: Option<Uuid>,
}

impl Outcome<'_> {
    pub(super) fn entry<'e>(&'e self, ip_hash: &'e str, at: DateTime<Utc>) -> RecoveryEntry<'e> {
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

    pub(super) fn count(&self, app: &App) {
        let labels = [self.action.as_str(), self.outcome().as_str()];
        app.core
            .metrics
            .recovery_total
            .with_label_values(&labels)
            .inc();
    }
}

/// Writes the audit row of an outcome that changes nothing else.
pub(super) async fn record(
    app: &App,
    arrival: Arrival<'_>,
    outcome: &Outcome<'_>,
) -> Result<(), Problem> {
    let ip_hash = source_ip_hash(arrival.source.address);
    let mut tx = app.core.db.begin().await?;
    tx.recovery_audited(&outcome.entry(&ip_hash, app.core.clock.now()))
        .await?;
    app.core.commit(tx).await?;
    outcome.count(app);
    Ok(())
}

pub(super) fn recovery_subject(app: &App, id: Uuid) -> Subject {
    Subject::new(app, Purpose::Recovery, &[&id.to_string()])
}

pub(super) fn forget_subject(app: &App, brand_id: i64, username: &str, phone: &str) -> Subject {
    let brand = brand_id.to_string();
    Subject::new(app, Purpose::Forget, &[&brand, username, phone])
}

/// Whether the brand is known and on the account's list, whatever the mode of enforcement (P-182).
/// For an account that does not exist the same question is asked.
pub(super) async fn brand_allowed(
    app: &App,
    brand: Option<&Brand>,
    agent: Option<AgentGuid>,
) -> Result<Result<(), Reason>, Problem> {
    let id = brand.map(|brand| brand.id);
    enabled(app, id, agent).await
}

pub(super) async fn enabled(
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

/// A guess held against the brand of the request.
pub(super) struct Judged {
    pub(super) result: Result<(), Reason>,
    pub(super) code: Option<Guess>,
}

impl Judged {
    pub(super) fn agent(&self) -> Option<AgentGuid> {
        self.code.as_ref().and_then(|code| code.agent)
    }

    pub(super) fn contact_hash(&self) -> Option<&str> {
        self.code
            .as_ref()
            .and_then(|code| code.contact_hash.as_deref())
    }
}

/// The brand comes before the code: a right code on a wrong brand is a brand mismatch.
pub(super) async fn judge(
    app: &App,
    arrival: Arrival<'_>,
    guessed: Guessed,
) -> Result<Judged, Problem> {
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
