//! The agent's payout cards: showing them masked, and changing them.

use agent_crypto::PiiColumn;
use agent_domain::{CardId, Code, Problem, portal::bank::mask_holder};
use agent_persistence::{
    Tx,
    portal::{
        bank::{self as store, BankRow, CardRow, LiveCard},
        edit::LockedAgent,
    },
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        edit::{Entry, account, check_still, otp_invalid},
        masking::masked,
        payout_account::{
            CardRequest, PreparedCard, card_taken, check_cooldown, check_count, check_phone,
            guess_code, lock_to_change, prepare,
        },
        payout_password,
        withdraw::Asking,
    },
    session::Principal,
};

pub use crate::portal::payout_account::CardRequest as Card;

/// A card as its owner may see it.
pub struct MaskedCard {
    pub row: CardRow,
    pub holder_masked: String,
}

/// Own cards and the catalogue of banks.
pub struct CardsAndBanks {
    pub cards: Vec<MaskedCard>,
    pub banks: Vec<BankRow>,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(app: &App, principal: &Principal) -> Result<CardsAndBanks, Problem> {
    let pool = app.core.db.pool();
    let cards = store::cards(pool, principal.agent()).await?;
    let banks = store::catalogue(pool).await?;
    let cards = cards.into_iter().map(|row| masked_card(app, row)).collect();
    Ok(CardsAndBanks { cards, banks })
}

fn masked_card(app: &App, row: CardRow) -> MaskedCard {
    let holder_masked = masked(app, PiiColumn::HolderName, &row.holder_name, mask_holder);
    MaskedCard { row, holder_masked }
}

/// What is shown of a card that was added.
pub struct AddedCard {
    pub id: CardId,
    pub last4: String,
}

/// Binds one more card by a code sent to the bound phone. The first one becomes the default.
///
/// # Errors
/// `validation_failed`, `phone_unbound`, `payout_cooldown`, `otp_invalid`, `otp_expired`,
/// `card_limit`, `card_taken`, `unavailable`.
pub async fn add(
    app: &App,
    asking: Asking<'_>,
    request: &CardRequest<'_>,
    code: &str,
) -> Result<AddedCard, Problem> {
    let card = prepare(app, request).await?;
    let row = account(app, asking.principal.agent()).await?;
    check_phone(&row)?;
    check_cooldown(app, &row)?;
    let code = guess_code(app, asking, &card.number, code).await?;
    let id = retrying(|| append(app, asking, &card, code)).await?;
    Ok(AddedCard {
        id,
        last4: card.last4,
    })
}

async fn append(
    app: &App,
    asking: Asking<'_>,
    card: &PreparedCard,
    code: Uuid,
) -> Result<CardId, Stopped> {
    let agent = asking.principal.agent();
    let mut tx = app.core.db.begin().await?;
    let locked = lock_to_change(app, &mut tx, agent).await?;
    let cards = store::live_cards(&mut tx, &locked).await?;
    check_count(app, cards.len() + 1)?;
    if !card.own_cards(&mut tx, agent).await?.is_empty() {
        return Err(card_taken().into());
    }
    let is_default = !cards.iter().any(|card| card.is_default);
    let id = store::next_card(&mut tx).await?;
    let entry = Entry {
        action: "AGENT_BANK_ADD",
        old_value: None,
        new_value: Some(json!({ "bank_id": card.bank_id, "card_id": id })),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    let mut audited = tx.audited(&entry.of(asking, &operator, now)).await?;
    if !audited.consume_code(code, now).await? {
        return Err(otp_invalid().into());
    }
    card.insert(&mut audited, &locked, id, is_default, now)
        .await?;
    app.core.commit(tx).await?;
    Ok(id)
}

/// Makes a card the default and thereby the primary payout account; again changes nothing.
///
/// # Errors
/// `not_found` for anything but an own live card, `payout_cooldown`, `payout_password_unset`,
/// `payout_password_invalid`, `rate_limited`, `conflict` when the card cannot be read or the
/// payout password changed in between, `unavailable`.
pub async fn make_default(
    app: &App,
    asking: Asking<'_>,
    card: CardId,
    payout_password: &str,
) -> Result<(), Problem> {
    let verified = prove(app, asking, payout_password).await?;
    retrying(|| switch_default(app, asking, card, &verified)).await
}

/// Takes a card out of use. When the default goes, the oldest other card takes its place.
///
/// # Errors
/// As [`make_default`]; `conflict` also for the default and the last card while an order of the
/// agent is still to be paid.
pub async fn remove(
    app: &App,
    asking: Asking<'_>,
    card: CardId,
    payout_password: &str,
) -> Result<(), Problem> {
    let verified = prove(app, asking, payout_password).await?;
    retrying(|| take_out(app, asking, card, &verified)).await
}

async fn prove(app: &App, asking: Asking<'_>, payout_password: &str) -> Result<String, Problem> {
    let agent = asking.principal.agent();
    check_cooldown(app, &account(app, agent).await?)?;
    payout_password::check(app, agent, payout_password).await
}

/// Locks the agent while the payout password still is what was checked; gives the live cards,
/// the one in question apart.
async fn lock_cards(
    app: &App,
    tx: &mut Tx,
    asking: Asking<'_>,
    card: CardId,
    verified: &str,
) -> Result<(LockedAgent, LiveCard, Vec<LiveCard>), Stopped> {
    let locked = lock_to_change(app, tx, asking.principal.agent()).await?;
    let current = locked.row.payout_password_hash.as_deref();
    check_still(current.unwrap_or_default(), verified)?;
    let mut cards = store::live_cards(tx, &locked).await?;
    let place = cards.iter().position(|live| live.id == card);
    let card = cards.remove(place.ok_or_else(Problem::not_found)?);
    Ok((locked, card, cards))
}

async fn switch_default(
    app: &App,
    asking: Asking<'_>,
    card: CardId,
    verified: &str,
) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let (locked, card, others) = lock_cards(app, &mut tx, asking, card, verified).await?;
    if card.is_default {
        tx.rollback().await?;
        return Ok(());
    }
    let number = primary_number(app, &card)?;
    let old = others.iter().find(|card| card.is_default);
    let entry = Entry {
        action: "AGENT_BANK_DEFAULT",
        old_value: Some(
            json!({ "bank_id": locked.row.bank_id, "card_id": old.map(|card| card.id) }),
        ),
        new_value: Some(json!({ "bank_id": card.bank_id, "card_id": card.id })),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    let mut audited = tx.audited(&entry.of(asking, &operator, now)).await?;
    audited.set_default_card(&locked, card.id).await?;
    let primary = Some((card.bank_id, number.as_str()));
    audited.set_payout_account(&locked, primary, now).await?;
    app.core.commit(tx).await?;
    Ok(())
}

async fn take_out(
    app: &App,
    asking: Asking<'_>,
    card: CardId,
    verified: &str,
) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let (locked, card, others) = lock_cards(app, &mut tx, asking, card, verified).await?;
    let needed = card.is_default || others.is_empty();
    if needed && store::has_unpaid_order(&mut tx, &locked).await? {
        let detail = "this card is needed while a withdrawal is still to be paid";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let successor = others.first().filter(|_| card.is_default);
    let number = successor
        .map(|card| primary_number(app, card))
        .transpose()?;
    let value = |card: &LiveCard| json!({ "bank_id": card.bank_id, "card_id": card.id });
    let entry = Entry {
        action: "AGENT_BANK_REMOVE",
        old_value: Some(value(&card)),
        new_value: successor.map(value),
    };
    let operator = asking.principal.operator_id();
    let now = app.core.clock.now();
    let mut audited = tx.audited(&entry.of(asking, &operator, now)).await?;
    audited.remove_card(&locked, card.id, now).await?;
    if let Some(successor) = successor {
        audited.set_default_card(&locked, successor.id).await?;
    }
    if needed {
        let primary = successor
            .zip(number.as_deref())
            .map(|(card, number)| (card.bank_id, number));
        audited.set_payout_account(&locked, primary, now).await?;
    }
    app.core.commit(tx).await?;
    Ok(())
}

/// The number of a card for the primary payout account, in today's form whatever the form of the
/// card's row (P-131, P-133).
fn primary_number(app: &App, card: &LiveCard) -> Result<String, Problem> {
    let plain = app.pii.decrypt(PiiColumn::CardNumber, &card.card_number);
    let plain = plain.map_err(|error| {
        let detail = "the number of the card that would be the default cannot be read";
        Problem::new(Code::Conflict, detail).caused_by(error)
    })?;
    let number = app.pii.encrypt(PiiColumn::CardNumber, &plain);
    number.map_err(Problem::internal)
}
