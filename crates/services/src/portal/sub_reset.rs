//! A new password for a direct sub (P-033, Q-85). The parent proves itself by its payout password
//! or by a code sent to its own phone.

use std::time::Duration;

use agent_crypto::random;
use agent_domain::{
    AgentGuid, Code, EventBody, Problem, event::SubPasswordReset, portal::recovery::Purpose,
};
use agent_persistence::portal::downline::downline;
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        contact::Contact,
        edit::{account, bound_phone, countries, otp_invalid, right_code},
        one_time_code::{
            self, Drawn, Holder, Sender, Subject, expires_in, reserve_request, reserve_send,
        },
        pace::count_sub_reset,
        payout_account::{check_cooldown, check_phone, lock_to_change, phone_unbound},
        payout_password,
        sub_add::InitialPassword,
        sub_edit::Editing,
        withdraw::Asking,
    },
};

/// How the parent proves itself. Holds a PIN or a code: no `Debug`.
#[derive(Clone, Copy)]
pub enum Proof<'a> {
    PayoutPassword(&'a str),
    /// As sent by [`send_code`].
    Code(&'a str),
}

async fn check_direct(app: &App, editing: Editing<'_>) -> Result<(), Problem> {
    let (pool, asking) = (app.core.db.pool(), editing.principal.agent());
    let sub = downline(pool, editing.scope, asking, editing.sub).await?;
    sub.filter(|sub| sub.is_direct_sub_of(asking))
        .map(|_| ())
        .ok_or_else(Problem::not_found)
}

/// A code is good for this parent, brand and sub only.
fn subject(app: &App, editing: Editing<'_>) -> Subject {
    let agent = editing.principal.agent().to_string();
    let brand = editing.scope.id().0.to_string();
    let sub = editing.sub.to_string();
    Subject::new(app, Purpose::ResetSub, &[&agent, &brand, &sub])
}

/// Sends a code to the phone of the one who asks, good for one new password of this sub. A phone
/// that changed hands a short while ago proves nothing: whoever has only a session could else bind
/// one and take over all that is below.
///
/// # Errors
/// `not_found` for anybody but a direct sub; `phone_unbound`, `payout_cooldown`, `rate_limited`,
/// `conflict` when the phone changed in between, `unavailable` while codes cannot be counted.
pub async fn send_code(app: &App, asking: Asking<'_>, sub: AgentGuid) -> Result<Duration, Problem> {
    let editing = Editing {
        principal: asking.principal,
        scope: asking.scope,
        sub,
    };
    check_direct(app, editing).await?;
    let row = account(app, asking.principal.agent()).await?;
    check_phone(&row)?;
    check_cooldown(app, &row)?;
    let countries = countries(app, asking).await?;
    let phone = bound_phone(app, &countries, &row).ok_or_else(phone_unbound)?;
    reserve_request(app, &phone.phone, asking.source).await?;
    let brand_id = asking.scope.id().0;
    reserve_send(app, Sender::Agent, Some(&phone), &phone.phone, brand_id).await?;
    let drawn = Drawn::new(app, random::uuid_v4(), subject(app, editing));
    let stored = row.phone_num.as_deref();
    retrying(|| store_code(app, editing, stored, &phone, &drawn)).await?;
    let what_for = "give an agent below you a new password";
    drawn.send(app, phone, asking.scope.brand(), what_for);
    Ok(expires_in(app))
}

async fn store_code(
    app: &App,
    editing: Editing<'_>,
    stored_phone: Option<&str>,
    phone: &Contact,
    drawn: &Drawn,
) -> Result<(), Stopped> {
    let agent = editing.principal.agent();
    let mut tx = app.core.db.begin().await?;
    let locked = lock_to_change(app, &mut tx, agent).await?;
    if locked.row.phone_num.as_deref() != stored_phone {
        let detail = "the phone was changed meanwhile";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let operator = editing.principal.operator_id();
    let mut entry = editing.entry(
        &app.core,
        &operator,
        "AGENT_SUB_RESET_PASSWORD_SEND_SMS",
        None,
    );
    entry.new_value = Some(json!({ "contact_hash": phone.hash.as_hex() }));
    tx.audited(&entry).await?;
    let holder = Holder {
        agent: Some(agent),
        brand_id: editing.scope.id().0,
        contact_hash: Some(phone.hash.as_hex()),
    };
    drawn.store(app, &mut tx, holder, true).await?;
    app.core.commit(tx).await?;
    Ok(())
}

/// Gives a sub a temporary password: its sessions end, the password has to be changed, and for a
/// while nothing is paid to a younger payout account.
///
/// # Errors
/// `not_found` for anybody but a direct sub; `payout_password_unset`, `payout_password_invalid`,
/// `otp_invalid`, `otp_expired`, `rate_limited`, `unavailable`.
pub async fn reset_password(
    app: &App,
    editing: Editing<'_>,
    proof: Proof<'_>,
) -> Result<InitialPassword, Problem> {
    let asking = editing.principal.agent();
    check_direct(app, editing).await?;
    count_sub_reset(app, asking).await?;
    let code = match proof {
        Proof::PayoutPassword(pin) => {
            payout_password::check(app, asking, pin).await?;
            None
        }
        Proof::Code(code) => {
            let guessed = one_time_code::guess(app, &subject(app, editing), code).await?;
            Some(right_code(guessed)?)
        }
    };
    let (password, hash) = InitialPassword::draw(app).await?;
    retrying(|| store_password(app, editing, &hash, code)).await?;
    Ok(password)
}

async fn store_password(
    app: &App,
    editing: Editing<'_>,
    hash: &str,
    code: Option<Uuid>,
) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let sub = editing.lock(&mut tx).await?;
    let operator = editing.principal.operator_id();
    let entry = editing.entry(&app.core, &operator, "AGENT_SUB_RESET_PASSWORD", None);
    let mut audited = tx.audited(&entry).await?;
    if let Some(code) = code
        && !audited.consume_code(code, entry.at).await?
    {
        return Err(otp_invalid().into());
    }
    audited.set_temporary_password(&sub, hash, entry.at).await?;
    let reset = SubPasswordReset {
        agent_id: sub.guid(),
        parent_guid: editing.principal.agent(),
    };
    editing
        .tell(&mut tx, entry.at, EventBody::SubPasswordReset(reset))
        .await?;
    app.core.commit(tx).await?;
    Ok(())
}
