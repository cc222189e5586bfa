//! Changing the primary payout account by a code sent to the bound phone (Q-83, Q-85, P-216 …
//! P-224).

use std::time::Duration;

use agent_crypto::random;
use agent_domain::{Code, Problem};
use agent_persistence::portal::bank::{self as store, LiveCard};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        contact::Contact,
        edit::{Entry, account, bound_phone, countries, otp_invalid},
        one_time_code::{Drawn, Holder, Sender, expires_in, reserve_request, reserve_send},
        payout_account::{
            CardRequest, PreparedCard, check_cooldown, check_count, check_phone, code_subject,
            guess_code, lock_to_change, phone_unbound, prepare, read_number,
        },
        withdraw::Asking,
    },
};

pub use crate::portal::payout_account::CardRequest as PayoutAccount;

/// What is shown of the new primary payout account.
pub struct Primary {
    pub bank_name: String,
    pub last4: String,
}

/// Sends a code to the bound phone, good for one change of payout accounts: with a number only for
/// that one.
///
/// # Errors
/// `validation_failed`, `phone_unbound`, `payout_cooldown`, `rate_limited`, `conflict` when the
/// phone changed in between, `unavailable` while codes cannot be counted.
pub async fn send_code(
    app: &App,
    asking: Asking<'_>,
    bank_num: Option<&str>,
) -> Result<Duration, Problem> {
    let number = bank_num.map(|text| read_number("bank_num", text));
    let number = number.transpose()?.unwrap_or_default();
    let row = account(app, asking.principal.agent()).await?;
    check_phone(&row)?;
    check_cooldown(app, &row)?;
    let countries = countries(app, asking).await?;
    let phone = bound_phone(app, &countries, &row).ok_or_else(phone_unbound)?;
    reserve_request(app, &phone.phone, asking.source).await?;
    let brand_id = asking.scope.id().0;
    reserve_send(app, Sender::Agent, Some(&phone), &phone.phone, brand_id).await?;
    let subject = code_subject(app, asking, &number);
    let drawn = Drawn::new(app, random::uuid_v4(), subject);
    let stored = row.phone_num.as_deref();
    retrying(|| store_code(app, asking, stored, &phone, &drawn)).await?;
    let what_for = "change your payout account";
    drawn.send(app, phone, asking.scope.brand(), what_for);
    Ok(expires_in(app))
}

async fn store_code(
    app: &App,
    asking: Asking<'_>,
    stored_phone: Option<&str>,
    phone: &Contact,
    drawn: &Drawn,
) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let locked = lock_to_change(app, &mut tx, asking.principal.agent()).await?;
    if locked.row.phone_num.as_deref() != stored_phone {
        let detail = "the phone was changed meanwhile";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let entry = Entry {
        action: "AGENT_EDIT_BANK_SEND_SMS",
        old_value: None,
        new_value: Some(json!({ "contact_hash": phone.hash.as_hex() })),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    tx.audited(&entry.of(asking, &operator, now)).await?;
    let holder = Holder {
        agent: Some(asking.principal.agent()),
        brand_id: asking.scope.id().0,
        contact_hash: Some(phone.hash.as_hex()),
    };
    drawn.store(app, &mut tx, holder, true).await?;
    app.core.commit(tx).await?;
    Ok(())
}

/// Replaces the primary payout account: the default card ends, and an own card of the same number
/// with it; the new one takes its place. Orders keep the card that they were made with.
///
/// # Errors
/// `validation_failed`, `phone_unbound`, `payout_cooldown`, `otp_invalid`, `otp_expired`,
/// `card_taken`, `card_limit`, `unavailable`.
pub async fn change(
    app: &App,
    asking: Asking<'_>,
    request: &CardRequest<'_>,
    code: &str,
) -> Result<Primary, Problem> {
    let card = prepare(app, request).await?;
    let row = account(app, asking.principal.agent()).await?;
    check_phone(&row)?;
    check_cooldown(app, &row)?;
    let countries = countries(app, asking).await?;
    let code = guess_code(app, asking, &card.number, code).await?;
    retrying(|| replace(app, asking, &card, code)).await?;
    if let Some(phone) = bound_phone(app, &countries, &row) {
        tracing::info!("payout account changed: {}", phone.hash);
    }
    Ok(Primary {
        bank_name: card.bank_name,
        last4: card.last4,
    })
}

async fn replace(
    app: &App,
    asking: Asking<'_>,
    card: &PreparedCard,
    code: Uuid,
) -> Result<(), Stopped> {
    let agent = asking.principal.agent();
    let mut tx = app.core.db.begin().await?;
    let locked = lock_to_change(app, &mut tx, agent).await?;
    let same_number = card.own_cards(&mut tx, agent).await?;
    let mut cards = store::live_cards(&mut tx, &locked).await?;
    let default = cards.iter().find(|card| card.is_default);
    let old_value =
        json!({ "bank_id": locked.row.bank_id, "card_id": default.map(|card| card.id) });
    let ended = |card: &LiveCard| card.is_default || same_number.contains(&card.id);
    let ending: Vec<_> = cards.extract_if(.., |card| ended(card)).collect();
    check_count(app, cards.len() + 1)?;
    let id = store::next_card(&mut tx).await?;
    let entry = Entry {
        action: "AGENT_EDIT_BANK",
        old_value: Some(old_value),
        new_value: Some(json!({ "bank_id": card.bank_id, "card_id": id })),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    let mut audited = tx.audited(&entry.of(asking, &operator, now)).await?;
    if !audited.consume_code(code, now).await? {
        return Err(otp_invalid().into());
    }
    for old in ending {
        audited.remove_card(&locked, old.id, now).await?;
    }
    card.insert(&mut audited, &locked, id, true, now).await?;
    app.core.commit(tx).await?;
    Ok(())
}
