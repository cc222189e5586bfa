//! Adjusting an agent's balance: reached by operators' commands only.

use agent_crypto::random;
use agent_domain::{
    AgentGuid, BrandScope, Code, DomainEvent, EventBody, Money, Problem, event::AccountAdjusted,
    money::is_storable,
};
use agent_persistence::{
    AuditEntry, outbox,
    portal::account::{self as store, Balance, Movement},
};
use rust_decimal::Decimal;
use serde_json::json;

use crate::core::{Core, Stopped, retrying};

/// The named rule that lets a movement happen once.
const ONCE: &str = "agent_ledger_once";

/// A change of an available balance by hand.
#[derive(Clone, Debug)]
pub struct Adjustment {
    pub agent: AgentGuid,
    pub scope: BrandScope,
    /// Positive to credit, negative to debit.
    pub amount: Decimal,
    /// Names the reason; the same reference is booked once only.
    pub reference: String,
    pub operator: String,
}

/// Books an adjustment: account, ledger, audit row and event in one transaction.
///
/// # Errors
/// `validation_failed` for zero, more than four decimals, or a balance that cannot be stored;
/// `conflict` when the reference was booked before, `insufficient_balance` when a debit exceeds
/// the available balance, `not_found` for an unknown agent, `unavailable`.
pub async fn adjust(core: &Core, adjustment: &Adjustment) -> Result<Balance, Problem> {
    retrying(|| attempt(core, adjustment)).await
}

async fn attempt(core: &Core, adjustment: &Adjustment) -> Result<Balance, Stopped> {
    let Adjustment {
        agent,
        scope,
        amount,
        reference,
        operator,
    } = adjustment;
    let currency = scope.brand().currency;
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let opened = store::open_account(&mut tx, *agent, scope.id(), currency).await;
    let mut account = opened.map_err(|error| {
        if error.is_constraint("agent_account_agent_id_fkey") {
            Stopped::Refused(Problem::not_found())
        } else {
            error.into()
        }
    })?;
    check_amount(*amount, account.balance())?;
    let actor = format!("operator:{operator}");
    let entry = AuditEntry {
        operator_id: &actor,
        resource: "agent_account",
        resource_id: agent.to_string(),
        action: "ACCOUNT_ADJUST",
        brand_id: scope.id().0,
        old_value: None,
        new_value: Some(
            json!({ "amount": Money(*amount), "currency": currency, "reference": reference }),
        ),
        at: now,
    };
    let mut audited = tx.audited(&entry).await?;
    let movement = Movement {
        kind: "adjust",
        amount: *amount,
        available_delta: *amount,
        frozen_delta: Decimal::ZERO,
        ref_type: "adjustment",
        ref_id: reference,
        at: now,
    };
    let moved = audited.move_money(&mut account, &movement).await;
    let balance = moved.map_err(|error| {
        if error.is_constraint(ONCE) {
            Stopped::Refused(Problem::new(
                Code::Conflict,
                "this reference was booked before",
            ))
        } else {
            error.into()
        }
    })?;
    let event = DomainEvent {
        event_id: random::uuid_v7(now),
        brand_id: scope.id(),
        occurred_at: now,
        body: EventBody::AccountAdjusted(AccountAdjusted {
            agent_id: *agent,
            amount: Money(*amount),
            currency,
            available: Money(balance.available),
            frozen: Money(balance.frozen),
            reference: reference.clone(),
        }),
    };
    outbox::append(&mut tx, &event).await?;
    core.commit(tx).await?;
    Ok(balance)
}

/// The ledger adds up only if nothing is rounded on its way into the columns.
fn check_amount(amount: Decimal, balance: Balance) -> Result<(), Problem> {
    let unfit = amount.is_zero() || !is_storable(amount);
    if unfit || !is_storable(balance.available + balance.frozen + amount) {
        let rule = "must not be 0, have more than 4 decimals, or lead to more than can be stored";
        return Err(Problem::field("amount", rule));
    }
    if balance.available + amount < Decimal::ZERO {
        let detail = "the available balance is too low";
        return Err(Problem::new(Code::InsufficientBalance, detail));
    }
    Ok(())
}
