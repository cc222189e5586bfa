//! What the use cases of the API work with.

use std::{ops::Deref, sync::Arc, time::Duration};

use agent_crypto::{
    ContactHasher, DerivedKeys, GuardedError, PasswordPipeline, PiiCipher, jwt::SigningKeys,
};
use agent_domain::Problem;

use crate::{
    core::Core,
    export::{ExportPolicy, Exports},
    limiter::{Limiter, Limits},
    session::SignatureMemo,
    sms::SmsQueue,
    turns::Turns,
};

/// Durations and counts that operators may set.
#[derive(Clone, Debug)]
pub struct Policy {
    pub access_ttl: Duration,
    /// Difference of clocks that is tolerated.
    pub leeway_seconds: i64,
    /// A session that is not refreshed for this long ends.
    pub refresh_idle_ttl: Duration,
    /// A session ends after this long whatever happens.
    pub refresh_absolute_ttl: Duration,
    /// A refresh token used again within this time lost a race; later it was stolen.
    pub refresh_grace: Duration,
    pub limits: Limits,
    /// Requests of one agent that are worked on at once.
    pub requests_per_agent: usize,
    /// Open withdrawals per agent and brand where `agent_setting` says nothing.
    pub max_open_withdrawals: i64,
    /// Lifetime of a one-time code and of a reset token (P-112).
    pub code_ttl: Duration,
    /// Guesses that one code allows.
    pub code_guesses: i16,
    /// A request for recovery and a refused code are answered no sooner (P-183).
    pub recovery_answer_after: Duration,
    /// Payout accounts stay as they are for so long after an unproven change of phone.
    pub payout_cooldown: Duration,
    pub cards_per_agent: i64,
    pub exports: ExportPolicy,
}

/// The parts that `App::new` puts together.
pub struct AppParts {
    pub core: Core,
    pub pii: PiiCipher,
    pub passwords: PasswordPipeline,
    pub keys: DerivedKeys,
    pub contacts: ContactHasher,
    pub tokens: SigningKeys,
    pub sms: SmsQueue,
    pub policy: Policy,
}

/// Shared by every request.
#[derive(Clone)]
pub struct App(Arc<AppState>);

pub struct AppState {
    pub core: Core,
    pub pii: PiiCipher,
    pub passwords: PasswordPipeline,
    pub keys: DerivedKeys,
    pub contacts: ContactHasher,
    pub tokens: SigningKeys,
    pub sms: SmsQueue,
    pub policy: Policy,
    pub limiter: Limiter,
    pub turns: Turns,
    pub exports: Exports,
    pub(crate) signatures: SignatureMemo,
}

impl App {
    #[must_use]
    pub fn new(parts: AppParts) -> Self {
        let limiter = Limiter::new(parts.core.clone(), parts.policy.limits);
        let turns = Turns::new(parts.policy.requests_per_agent);
        let exports = Exports::new(parts.policy.exports);
        Self(Arc::new(AppState {
            core: parts.core,
            pii: parts.pii,
            passwords: parts.passwords,
            keys: parts.keys,
            contacts: parts.contacts,
            tokens: parts.tokens,
            sms: parts.sms,
            policy: parts.policy,
            limiter,
            turns,
            exports,
            signatures: SignatureMemo::default(),
        }))
    }
}

impl AppState {
    /// What a password check that gave no answer means for the client.
    pub(crate) fn password_problem(&self, error: GuardedError<Problem>) -> Problem {
        match error {
            GuardedError::Refused(problem) => problem,
            GuardedError::Password(error) => {
                self.core.metrics.hash_pool_refused_total.inc();
                Problem::unavailable(error)
            }
        }
    }
}

impl Deref for App {
    type Target = AppState;

    fn deref(&self) -> &AppState {
        &self.0
    }
}
