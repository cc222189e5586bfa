//! Moving a withdrawal on: the one way by which an order changes state.

use agent_crypto::random;
use agent_domain::{
    AgentGuid, BrandScope, Code, DomainEvent, EventBody, Money, Problem, WithdrawNo,
    event::WithdrawStatusChanged,
    portal::withdraw::{HoldEffect, WithdrawStatus},
};
use agent_persistence::{
    AuditEntry, outbox,
    portal::{
        account::{self, Movement},
        withdraw_transition::{self as store, LockedOrder, OrderOwner},
    },
};
use serde_json::json;

use crate::{
    core::{Core, Stopped, retrying},
    session::Principal,
};

/// Who moves an order.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Its owner, on the brand of the request. Anything that is not theirs does not exist.
    Owner { agent: AgentGuid, scope: BrandScope },
    /// An operator, by name.
    Operator(String),
}

impl Actor {
    #[must_use]
    pub fn owner(principal: &Principal, scope: &BrandScope) -> Self {
        Self::Owner {
            agent: principal.agent(),
            scope: scope.clone(),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Owner { agent, .. } => format!("agent:{agent}"),
            Self::Operator(name) => format!("operator:{name}"),
        }
    }

    fn may_see(&self, owner: OrderOwner) -> bool {
        match self {
            Self::Owner { agent, scope } => owner.agent == *agent && owner.brand == scope.id(),
            Self::Operator(_) => true,
        }
    }

    /// Only the owner cancels, and does nothing else.
    fn may_move_to(&self, to: WithdrawStatus) -> bool {
        let owner = matches!(self, Self::Owner { .. });
        owner == (to == WithdrawStatus::Cancelled)
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Owner { .. } => "AGENT_WITHDRAW_CANCEL",
            Self::Operator(_) => "WITHDRAW_TRANSITION",
        }
    }
}

/// A move of an order.
#[derive(Clone, Debug)]
pub struct Transition {
    pub number: WithdrawNo,
    pub to: WithdrawStatus,
    pub actor: Actor,
    /// Shown to the agent when the order is rejected.
    pub reason: Option<String>,
}

/// Checks the state machine and writes order, ledger, audit row and event in one transaction.
///
/// # Errors
/// `not_found`; `conflict` when the order cannot go there from where it is, or not by this actor,
/// and then nothing has changed; `unavailable`.
pub async fn transition(core: &Core, transition: &Transition) -> Result<(), Problem> {
    retrying(|| attempt(core, transition)).await
}

async fn attempt(core: &Core, transition: &Transition) -> Result<(), Stopped> {
    let now = core.clock.now();
    let mut tx = core.db.begin().await?;
    let owner = store::owner(&mut tx, &transition.number).await?;
    let owner = owner
        .filter(|owner| transition.actor.may_see(*owner))
        .ok_or_else(Problem::not_found)?;
    // The account first, then the order: every transaction that moves money locks in this order.
    let account = account::lock_account(&mut tx, owner.agent, owner.brand, owner.currency).await?;
    let mut account = account.ok_or_else(Problem::not_found)?;
    let order = store::lock_order(&mut tx, &account, &transition.number).await?;
    let order = order.ok_or_else(Problem::not_found)?;
    let effect = allowed(&order, transition)?;
    let actor = transition.actor.name();
    let entry = AuditEntry {
        operator_id: &actor,
        resource: "agent_withdraw",
        resource_id: transition.number.to_string(),
        action: transition.actor.action(),
        brand_id: owner.brand.0,
        old_value: Some(json!({ "status": order.status })),
        new_value: Some(json!({ "status": transition.to, "reason": transition.reason })),
        at: now,
    };
    let mut audited = tx.audited(&entry).await?;
    let reason = transition.reason.as_deref();
    audited
        .set_status(&order, transition.to, &actor, reason, now)
        .await?;
    let number = transition.number.as_str();
    if let Some(movement) = Movement::of_effect(effect, order.amount, number, now) {
        audited.move_money(&mut account, &movement).await?;
    }
    let changed = WithdrawStatusChanged {
        withdraw_guid: order.guid,
        agent_id: owner.agent,
        withdraw_no: transition.number.clone(),
        amount: Money(order.amount),
        currency: owner.currency,
        from: order.status,
        to: transition.to,
        actor,
    };
    let event = DomainEvent {
        event_id: random::uuid_v7(now),
        brand_id: owner.brand,
        occurred_at: now,
        body: EventBody::WithdrawStatusChanged(changed),
    };
    outbox::append(&mut tx, &event).await?;
    core.commit(tx).await?;
    Ok(())
}

fn allowed(order: &LockedOrder, transition: &Transition) -> Result<HoldEffect, Problem> {
    let by_this_actor = transition.actor.may_move_to(transition.to);
    let effect = order.status.move_to(transition.to);
    effect.filter(|_| by_this_actor).ok_or_else(|| {
        let detail = format!(
            "a {} withdrawal cannot become {}",
            order.status.as_str(),
            transition.to.as_str()
        );
        Problem::new(Code::Conflict, detail)
    })
}
