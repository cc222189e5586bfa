//! Changing the payout password, and what changes of the own account share.

use agent_crypto::GuardedError;
use agent_domain::{
    AgentGuid, Code, Problem,
    portal::{auth::check_new_payout_password, recovery::Reason},
};
use agent_persistence::{
    AuditEntry, Tx,
    portal::edit::{self as store, AccountRow, LockedAgent},
};
use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        auth::verify_own_password,
        contact::{Contact, Countries},
        one_time_code::{Guessed, Sender, notify, reserve_send},
        withdraw::Asking,
    },
};

/// Sets or changes the payout password, proven by the login password. The bound phone is told.
///
/// # Errors
/// `validation_failed` for what is no PIN or is the login password, `invalid_credentials` for a
/// wrong login password, `rate_limited`, `conflict` when the login password changed in between.
pub async fn payout_password(
    app: &App,
    asking: Asking<'_>,
    password: &str,
    payout_password: &str,
) -> Result<(), Problem> {
    check_new_payout_password("payout_password", payout_password, password)?;
    let verified = verify_own_password(app, asking.principal, asking.source, password).await?;
    let row = account(app, asking.principal.agent()).await?;
    let countries = countries(app, asking).await?;
    // Told or not done: a change that nobody is told of helps a thief.
    if let Some(phone) = bound_phone(app, &countries, &row) {
        let brand_id = asking.scope.id().0;
        reserve_send(app, Sender::Notice, Some(&phone), &phone.phone, brand_id).await?;
    }
    let hashed = app.passwords.hash(payout_password).await;
    let hashed = hashed.map_err(|error| app.password_problem(GuardedError::Password(error)))?;
    let row = retrying(|| store_payout_password(app, asking, &verified, &hashed)).await?;
    if let Some(phone) = bound_phone(app, &countries, &row) {
        let what = "the payout password of your account was changed";
        notify(app, phone, asking.scope.brand(), what);
    }
    Ok(())
}

/// Gives the account as it was.
async fn store_payout_password(
    app: &App,
    asking: Asking<'_>,
    verified_hash: &str,
    hash: &str,
) -> Result<AccountRow, Stopped> {
    let mut tx = app.core.db.begin().await?;
    let locked = lock(&mut tx, asking.principal.agent()).await?;
    check_still(&locked.row.password_hash, verified_hash)?;
    let now = app.core.clock.now();
    let entry = Entry {
        action: "AGENT_EDIT_PAYOUT_PASSWORD",
        old_value: None,
        new_value: None,
    };
    let operator = asking.principal.operator_id();
    let mut audited = tx.audited(&entry.of(asking, &operator, now)).await?;
    audited.set_payout_password(&locked, hash, now).await?;
    app.core.commit(tx).await?;
    Ok(locked.row)
}

/// What was proven by a password holds only while that is the password.
pub(crate) fn check_still(current_hash: &str, verified_hash: &str) -> Result<(), Problem> {
    if current_hash == verified_hash {
        Ok(())
    } else {
        let detail = "the password was changed meanwhile";
        Err(Problem::new(Code::Conflict, detail))
    }
}

/// What differs between the audit rows of changes of an account.
pub(crate) struct Entry {
    pub(crate) action: &'static str,
    /// Contact hashes, bank ids and card ids only (P-222).
    pub(crate) old_value: Option<Value>,
    pub(crate) new_value: Option<Value>,
}

impl Entry {
    pub(crate) fn of<'a>(
        self,
        asking: Asking<'_>,
        operator: &'a str,
        at: DateTime<Utc>,
    ) -> AuditEntry<'a> {
        AuditEntry {
            operator_id: operator,
            resource: "agent",
            resource_id: asking.principal.agent().to_string(),
            action: self.action,
            brand_id: asking.scope.id().0,
            old_value: self.old_value,
            new_value: self.new_value,
            at,
        }
    }
}

/// The account of whoever is signed in.
pub(crate) async fn account(app: &App, agent: AgentGuid) -> Result<AccountRow, Problem> {
    let row = store::account(app.core.db.pool(), agent).await?;
    row.ok_or_else(Problem::unauthenticated)
}

/// As [`account`], locked until the end of the transaction.
pub(crate) async fn lock(tx: &mut Tx, agent: AgentGuid) -> Result<LockedAgent, Stopped> {
    let locked = store::lock(tx, agent).await?;
    Ok(locked.ok_or_else(Problem::unauthenticated)?)
}

/// Where the agent's phone may be meant.
pub(crate) async fn countries(app: &App, asking: Asking<'_>) -> Result<Countries, Problem> {
    let host = &asking.scope.brand().phone_country;
    Countries::of(app, host, Some(asking.principal.agent())).await
}

/// The bound phone; `None` also where it cannot be read.
pub(crate) fn bound_phone(app: &App, countries: &Countries, row: &AccountRow) -> Option<Contact> {
    countries.phone(app, row.phone_num.as_deref()?)
}

/// What a signed-in agent is told of a guess: it may know that its own code expired.
pub(crate) fn right_code(guessed: Guessed) -> Result<uuid::Uuid, Problem> {
    match guessed {
        Guessed::Right(code) => Ok(code.id),
        Guessed::Refused(Reason::CodeExpired, _) => {
            Err(Problem::new(Code::OtpExpired, "ask for a new code"))
        }
        Guessed::Refused(..) => Err(otp_invalid()),
    }
}

pub(crate) fn otp_invalid() -> Problem {
    Problem::new(Code::OtpInvalid, "the code is not valid")
}
