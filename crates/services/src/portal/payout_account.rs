//! What changes of payout accounts share: when they are locked, the code that allows them, and a
//! card as it is going to be stored.

use std::time::Duration;

use agent_crypto::{BlindIndexKind, PiiColumn};
use agent_domain::{
    AgentGuid, CardId, Code, Problem,
    portal::{
        bank::{
            cooldown_left, is_holder_name, last4, normalise_card, normalise_holder,
            older_card_spellings,
        },
        recovery::{Purpose, Reason},
    },
};
use agent_persistence::{
    AuditedTx, DbError, Tx,
    portal::{
        bank::{self as store, NUMBER_TAKEN, NewCard},
        edit::{AccountRow, LockedAgent},
    },
};
use chrono::{DateTime, Utc};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    app::App,
    core::Stopped,
    portal::{
        contact::older_forms,
        edit::{lock, right_code},
        one_time_code::{self, Guessed, Subject},
        withdraw::Asking,
    },
};

/// # Errors
/// `payout_cooldown` while payout accounts stay as they are.
pub(crate) fn check_cooldown(app: &App, row: &AccountRow) -> Result<(), Problem> {
    let (since, cooldown) = (row.payout_cooldown_since, app.policy.payout_cooldown);
    cooldown_left(since, cooldown, app.core.clock.now())
        .map_or(Ok(()), |left| Err(cooldown_problem(left)))
}

pub(crate) fn cooldown_problem(left: Duration) -> Problem {
    let detail = "the account changed hands a short while ago";
    Problem::new(Code::PayoutCooldown, detail).retry_after(left)
}

/// # Errors
/// `phone_unbound` where there is no phone that a code could be sent to.
pub(crate) fn check_phone(row: &AccountRow) -> Result<(), Problem> {
    row.phone_num
        .as_ref()
        .map_or_else(|| Err(phone_unbound()), |_| Ok(()))
}

pub(crate) fn phone_unbound() -> Problem {
    Problem::new(Code::PhoneUnbound, "bind a phone first")
}

/// Locks the agent for a change of payout accounts. Whether they may change is asked here once
/// more: a change of phone may have been faster.
pub(crate) async fn lock_to_change(
    app: &App,
    tx: &mut Tx,
    agent: AgentGuid,
) -> Result<LockedAgent, Stopped> {
    let locked = lock(tx, agent).await?;
    check_cooldown(app, &locked.row)?;
    Ok(locked)
}

/// What a code for payout accounts is good for: one number or, where it is empty, any one change.
pub(crate) fn code_subject(app: &App, asking: Asking<'_>, number: &str) -> Subject {
    let agent = asking.principal.agent().to_string();
    let brand = asking.scope.id().0.to_string();
    Subject::new(app, Purpose::EditBank, &[&agent, &brand, number])
}

/// Evaluates a code for a number. A newer code ends the older ones whatever they are good for, so
/// at most one of the two subjects has a live code, and a wrong guess counts against that one only.
pub(crate) async fn guess_code(
    app: &App,
    asking: Asking<'_>,
    number: &str,
    code: &str,
) -> Result<Uuid, Problem> {
    let bound = one_time_code::guess(app, &code_subject(app, asking, number), code).await?;
    if was_evaluated(&bound) {
        return right_code(bound);
    }
    let free = one_time_code::guess(app, &code_subject(app, asking, ""), code).await?;
    match &bound {
        Guessed::Refused(Reason::CodeExpired, _) if !was_evaluated(&free) => right_code(bound),
        _ => right_code(free),
    }
}

fn was_evaluated(guessed: &Guessed) -> bool {
    matches!(
        guessed,
        Guessed::Right(_) | Guessed::Refused(Reason::CodeWrong, _)
    )
}

/// A payout account as the client wrote it. Holds PII: no `Debug`.
pub struct CardRequest<'a> {
    pub bank_id: i32,
    pub number: &'a str,
    /// The member that the number came in, for messages.
    pub number_field: &'static str,
    pub holder_name: &'a str,
    pub branch: Option<&'a str>,
}

/// A card that keeps the rules, encrypted. Holds PII: no `Debug`.
pub(crate) struct PreparedCard {
    pub(crate) bank_id: i32,
    pub(crate) bank_name: String,
    pub(crate) number: Zeroizing<String>,
    pub(crate) last4: String,
    pub(crate) index: [u8; 32],
    older_forms: Vec<String>,
    stored_number: String,
    /// Encrypted once more, because equal texts would tell equal accounts.
    pub(crate) primary_number: String,
    stored_holder: String,
    holder_index: [u8; 32],
    branch: Option<String>,
}

/// # Errors
/// `validation_failed` for a bank that is not offered, or what is no number, holder or branch.
pub(crate) async fn prepare(app: &App, request: &CardRequest<'_>) -> Result<PreparedCard, Problem> {
    let number = read_number(request.number_field, request.number)?;
    let holder: Vec<&str> = request.holder_name.split_whitespace().collect();
    let holder = Zeroizing::new(holder.join(" "));
    if !is_holder_name(&holder) {
        return Err(Problem::field("holder_name", "must be a name"));
    }
    let branch = request
        .branch
        .map(str::trim)
        .filter(|text| !text.is_empty());
    if branch.is_some_and(|text| text.chars().any(char::is_control)) {
        return Err(Problem::field("branch", "must be one line of text"));
    }
    let bank_name = store::enabled_bank(app.core.db.pool(), request.bank_id).await?;
    let bank_name =
        bank_name.ok_or_else(|| Problem::field("bank_id", "is not one of the banks"))?;
    let encrypt = |column, plain: &str| app.pii.encrypt(column, plain).map_err(Problem::internal);
    let index = |kind, plain: &str| app.keys.blind_index(kind, plain);
    Ok(PreparedCard {
        bank_id: request.bank_id,
        bank_name,
        last4: last4(&number),
        index: index(BlindIndexKind::CardNumber, &number),
        older_forms: older_forms(app, older_card_spellings(&number)),
        stored_number: encrypt(PiiColumn::CardNumber, &number)?,
        primary_number: encrypt(PiiColumn::CardNumber, &number)?,
        stored_holder: encrypt(PiiColumn::HolderName, &holder)?,
        holder_index: index(BlindIndexKind::HolderName, &normalise_holder(&holder)),
        branch: branch.map(str::to_owned),
        number,
    })
}

/// # Errors
/// `validation_failed` on `field`.
pub(crate) fn read_number(field: &str, text: &str) -> Result<Zeroizing<String>, Problem> {
    normalise_card(text)
        .map(Zeroizing::new)
        .ok_or_else(|| Problem::field(field, "must be a card or account number"))
}

impl PreparedCard {
    /// The agent's own live cards with the number.
    ///
    /// # Errors
    /// `card_taken` when a live card of another agent has it.
    pub(crate) async fn own_cards(
        &self,
        tx: &mut Tx,
        agent: AgentGuid,
    ) -> Result<Vec<CardId>, Stopped> {
        let holders = store::holders(tx, &self.index, &self.older_forms).await?;
        if holders.iter().any(|(holder, _)| *holder != agent) {
            return Err(card_taken().into());
        }
        Ok(holders.into_iter().map(|(_, card)| card).collect())
    }

    /// Stores the card and, as the default, makes it the primary payout account.
    pub(crate) async fn insert(
        &self,
        audited: &mut AuditedTx<'_>,
        agent: &LockedAgent,
        id: CardId,
        is_default: bool,
        at: DateTime<Utc>,
    ) -> Result<(), Stopped> {
        let card = NewCard {
            id,
            bank_id: self.bank_id,
            card_number: &self.stored_number,
            card_index: &self.index,
            card_last4: &self.last4,
            holder_name: &self.stored_holder,
            holder_index: &self.holder_index,
            branch: self.branch.as_deref(),
            is_default,
        };
        audited
            .insert_card(agent, &card, at)
            .await
            .map_err(taken_meanwhile)?;
        if is_default {
            let primary = Some((self.bank_id, self.primary_number.as_str()));
            audited.set_payout_account(agent, primary, at).await?;
        }
        Ok(())
    }
}

fn taken_meanwhile(error: DbError) -> Stopped {
    if error.is_constraint(NUMBER_TAKEN) {
        card_taken().into()
    } else {
        error.into()
    }
}

pub(crate) fn card_taken() -> Problem {
    Problem::new(Code::CardTaken, "this number is bound already")
}

/// Whether a number of live cards is more than an agent may have.
///
/// # Errors
/// `card_limit`.
pub(crate) fn check_count(app: &App, cards: usize) -> Result<(), Problem> {
    let most = usize::try_from(app.policy.cards_per_agent).unwrap_or(0);
    if cards > most {
        return Err(Problem::new(Code::CardLimit, "remove a card first"));
    }
    Ok(())
}
