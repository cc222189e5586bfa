//! Changing the phone (Q-85, P-216 … P-224).
//!
//! A bound phone is what payout accounts are protected by. A change of it is proven by a code sent
//! to the old phone or by the login password. A change without either, also to the first phone of
//! an account, is accepted too, but payout accounts then stay as they are for a while. The old phone
//! is told in any case.

use std::time::Duration;

use agent_crypto::{PiiColumn, random};
use agent_domain::{
    Code, Problem,
    portal::{
        bank::{last4, mask_phone},
        contact::normalise_phone,
        recovery::Purpose,
    },
};
use agent_persistence::portal::edit::NewPhone;
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        auth::verify_own_password,
        contact::{Contact, Countries},
        edit::{
            Entry, account, bound_phone, check_still, countries, lock, otp_invalid, right_code,
        },
        one_time_code::{
            self, Drawn, Holder, Sender, Subject, expires_in, notify, reserve_request, reserve_send,
        },
        withdraw::Asking,
    },
};

/// A new phone with what proves it. Holds a phone, codes and a password: no `Debug`.
pub struct PhoneChange<'a> {
    pub phone_num: &'a str,
    /// As sent to the new phone.
    pub code: &'a str,
    /// As sent to the bound phone.
    pub old_code: Option<&'a str>,
    /// The login password; not looked at beside an `old_code`.
    pub password: Option<&'a str>,
}

fn read_phone(app: &App, asking: Asking<'_>, text: &str) -> Result<Contact, Problem> {
    let phone = normalise_phone(text, &asking.scope.brand().phone_country);
    phone
        .map(|phone| Contact::new(app, phone))
        .ok_or_else(|| Problem::field("phone_num", "must be a phone number"))
}

/// A code for a phone is good for this agent, brand and new phone only.
fn subject(app: &App, asking: Asking<'_>, purpose: Purpose, new: &Contact) -> Subject {
    let agent = asking.principal.agent().to_string();
    let brand = asking.scope.id().0.to_string();
    Subject::new(app, purpose, &[&agent, &brand, &new.phone])
}

/// Sends a code to the new phone and, to prove the change, another one to the bound phone.
///
/// # Errors
/// `validation_failed`, `rate_limited`, `conflict` when the phone changed in between,
/// `unavailable` while codes cannot be counted.
pub async fn send_codes(
    app: &App,
    asking: Asking<'_>,
    phone_num: &str,
) -> Result<Duration, Problem> {
    let new = read_phone(app, asking, phone_num)?;
    reserve_request(app, &new.phone, asking.source).await?;
    let row = account(app, asking.principal.agent()).await?;
    // To bind the same phone anew, one code says all.
    let countries = countries(app, asking).await?;
    let old = bound_phone(app, &countries, &row).filter(|old| *old.phone != *new.phone);
    let brand_id = asking.scope.id().0;
    if let Some(old) = &old {
        reserve_send(app, Sender::Agent, Some(old), &old.phone, brand_id).await?;
    }
    let sent = may_send_to_new(app, &new, brand_id).await?;
    let drawn = |purpose| {
        let subject = subject(app, asking, purpose, &new);
        Drawn::new(app, random::uuid_v4(), subject)
    };
    let to_new = (drawn(Purpose::EditPhone), &new);
    let to_old = old.as_ref().map(|old| (drawn(Purpose::EditPhoneOld), old));
    let stored = row.phone_num.as_deref();
    retrying(|| store_codes(app, asking, stored, &to_new, to_old.as_ref(), sent)).await?;
    if !sent {
        return Ok(expires_in(app));
    }
    let (to_new, to_old) = (to_new.0, to_old.map(|(drawn, _)| drawn));
    let brand = asking.scope.brand();
    if let Some((drawn, old)) = to_old.zip(old) {
        let what_for = format!(
            "change the phone of your account to the one that ends in {}",
            last4(&new.phone)
        );
        drawn.send(app, old, brand, &what_for);
    }
    to_new.send(app, new, brand, "bind this phone to your account");
    Ok(expires_in(app))
}

/// A phone that got its codes already gets none, and nobody is told: whoever may bind any phone
/// could else ask whose recovery fills its limit.
async fn may_send_to_new(app: &App, new: &Contact, brand_id: i64) -> Result<bool, Problem> {
    match reserve_send(app, Sender::Agent, Some(new), &new.phone, brand_id).await {
        Ok(()) => Ok(true),
        Err(problem) if problem.code == Code::RateLimited => Ok(false),
        Err(problem) => Err(problem),
    }
}

async fn store_codes(
    app: &App,
    asking: Asking<'_>,
    stored_phone: Option<&str>,
    to_new: &(Drawn, &Contact),
    to_old: Option<&(Drawn, &Contact)>,
    sent: bool,
) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let locked = lock(&mut tx, asking.principal.agent()).await?;
    if locked.row.phone_num.as_deref() != stored_phone {
        let detail = "the phone was changed meanwhile";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let entry = Entry {
        action: "AGENT_EDIT_PHONE_SEND_SMS",
        old_value: None,
        new_value: Some(json!({ "contact_hash": to_new.1.hash.as_hex() })),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    tx.audited(&entry.of(asking, &operator, now)).await?;
    for (drawn, phone) in [Some(to_new), to_old].into_iter().flatten() {
        let holder = Holder {
            agent: Some(asking.principal.agent()),
            brand_id: asking.scope.id().0,
            contact_hash: Some(phone.hash.as_hex()),
        };
        drawn.store(app, &mut tx, holder, sent).await?;
    }
    app.core.commit(tx).await?;
    Ok(())
}

/// Who agreed to a change, beside the owner of the new phone.
enum Proof {
    None,
    /// The code sent to the bound phone.
    OldCode(Uuid),
    /// The login password, by the hash that it was held against.
    Password(String),
}

/// Binds a phone; gives what is shown of it. Codes and recoveries under way end. A phone that
/// another agent has too is accepted: nothing says that a phone is one agent's, and recovery takes
/// a shared one for unknown.
///
/// # Errors
/// `otp_invalid`, `otp_expired`, `invalid_credentials` for a wrong password, `validation_failed`,
/// `rate_limited`, `conflict` when the password changed in between.
pub async fn change(
    app: &App,
    asking: Asking<'_>,
    change: &PhoneChange<'_>,
) -> Result<String, Problem> {
    let new = read_phone(app, asking, change.phone_num)?;
    // Before the code: a mistyped password must not cost one of its guesses.
    let proof = prove(app, asking, change, &new).await?;
    let subject = subject(app, asking, Purpose::EditPhone, &new);
    let code = right_code(one_time_code::guess(app, &subject, change.code).await?)?;
    let stored = app.pii.encrypt(PiiColumn::Phone, &new.phone);
    let stored = stored.map_err(Problem::internal)?;
    let countries = countries(app, asking).await?;
    let binding = Binding {
        new: &new,
        stored: &stored,
        code,
        proof: &proof,
        countries: &countries,
    };
    let old = retrying(|| bind(app, asking, &binding)).await?;
    tracing::info!("phone changed: {}", new.hash);
    if let Some(old) = old.filter(|old| *old.phone != *new.phone) {
        let what = format!(
            "the phone of your account was changed to the one that ends in {}",
            last4(&new.phone)
        );
        notify(app, old, asking.scope.brand(), &what);
    }
    Ok(mask_phone(&new.phone))
}

async fn prove(
    app: &App,
    asking: Asking<'_>,
    change: &PhoneChange<'_>,
    new: &Contact,
) -> Result<Proof, Problem> {
    if let Some(old_code) = change.old_code {
        let subject = subject(app, asking, Purpose::EditPhoneOld, new);
        let guessed = one_time_code::guess(app, &subject, old_code).await?;
        return right_code(guessed).map(Proof::OldCode);
    }
    let Some(password) = change.password else {
        return Ok(Proof::None);
    };
    let verified = verify_own_password(app, asking.principal, asking.source, password).await?;
    Ok(Proof::Password(verified))
}

/// A new phone, and all that was proven of it.
struct Binding<'a> {
    new: &'a Contact,
    /// The new phone as ciphertext.
    stored: &'a str,
    /// The right code.
    code: Uuid,
    proof: &'a Proof,
    /// Where the old phone may be meant.
    countries: &'a Countries,
}

/// Uses the codes up and binds the phone; gives the old one.
async fn bind(
    app: &App,
    asking: Asking<'_>,
    binding: &Binding<'_>,
) -> Result<Option<Contact>, Stopped> {
    let Binding { new, proof, .. } = *binding;
    let mut tx = app.core.db.begin().await?;
    let locked = lock(&mut tx, asking.principal.agent()).await?;
    let old = bound_phone(app, binding.countries, &locked.row);
    let hash_of = |phone: &Contact| json!({ "contact_hash": phone.hash.as_hex() });
    let entry = Entry {
        action: "AGENT_EDIT_PHONE",
        old_value: old.as_ref().map(hash_of),
        new_value: Some(hash_of(new)),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    let mut audited = tx.audited(&entry.of(asking, &operator, now)).await?;
    let proven = match proof {
        // Who holds the new phone then holds the old one.
        Proof::None => old.as_ref().is_some_and(|old| *old.phone == *new.phone),
        Proof::OldCode(old_code) => {
            if !audited.consume_code(*old_code, now).await? {
                return Err(otp_invalid().into());
            }
            true
        }
        Proof::Password(verified) => {
            check_still(&locked.row.password_hash, verified)?;
            true
        }
    };
    if !audited.consume_code(binding.code, now).await? {
        return Err(otp_invalid().into());
    }
    let phone = NewPhone {
        stored: binding.stored,
        index: &new.blind_index(app),
        proven,
    };
    audited.set_phone(&locked, &phone, now).await?;
    app.core.commit(tx).await?;
    Ok(old)
}
