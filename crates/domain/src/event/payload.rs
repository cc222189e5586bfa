//! Payloads of the events (P-166). `docs/EVENTS.md` is made from this file: the comment of a field
//! is what consumers read about it.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Serialize, Serializer};

use super::timestamp;
use crate::{
    ids::{AgentGuid, WithdrawNo},
    money::{Currency, Money},
    portal::withdraw::WithdrawStatus,
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithdrawCreated {
    #[serde(skip)]
    pub withdraw_guid: i64,
    /// Whose order it is.
    pub agent_id: AgentGuid,
    /// The public number of the order.
    pub withdraw_no: WithdrawNo,
    /// What was asked for, and is now held.
    pub amount: Money,
    /// What the withdrawal costs; part of the amount.
    pub fee: Money,
    /// What is to be paid out: the amount without the fee.
    pub net_amount: Money,
    /// Currency of all three.
    pub currency: Currency,
    /// Last four characters of the number of the card that is to be paid to.
    pub card_last4: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithdrawStatusChanged {
    #[serde(skip)]
    pub withdraw_guid: i64,
    /// Whose order it is.
    pub agent_id: AgentGuid,
    /// The public number of the order.
    pub withdraw_no: WithdrawNo,
    /// What was asked for, fee included.
    pub amount: Money,
    /// Its currency.
    pub currency: Currency,
    /// State before.
    pub from: WithdrawStatus,
    /// State now. The hold is released with `rejected` and `cancelled`, settled with `paid`.
    pub to: WithdrawStatus,
    /// Who did it: `agent:` and the owner's guid, or `operator:` and a name.
    pub actor: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccountAdjusted {
    /// Whose account it is.
    pub agent_id: AgentGuid,
    /// What the available balance changed by: above zero a credit, below zero a debit.
    pub amount: Money,
    /// Currency of the account.
    pub currency: Currency,
    /// Balance that can be spent, afterwards.
    pub available: Money,
    /// Balance held by open withdrawals.
    pub frozen: Money,
    /// The operator's reference; no reference is booked twice.
    pub reference: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PercentageChanged {
    /// Who gets the shares.
    pub agent_id: AgentGuid,
    /// Who gives them. Shares of a deleted agent follow a lower one above it: then who set that.
    pub set_by: AgentGuid,
    /// First day on which they hold, in the calendar of the brand.
    pub effective_from: NaiveDate,
    /// The shares that changed. Those of other providers stay.
    pub percentages: Vec<ProviderPercentage>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProviderPercentage {
    /// The provider.
    pub provider_id: i32,
    /// The share, of 100.
    pub percentage: Money,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubCreated {
    /// The new agent.
    pub agent_id: AgentGuid,
    /// The agent that made it, and that it is directly below.
    pub parent_guid: AgentGuid,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubStatusChanged {
    /// Who was locked, or let in again.
    pub agent_id: AgentGuid,
    /// The agent directly above, who did it.
    pub parent_guid: AgentGuid,
    /// `active` or `locked`.
    pub to: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubPasswordReset {
    /// Whose password it is.
    pub agent_id: AgentGuid,
    /// The agent directly above, who did it.
    pub parent_guid: AgentGuid,
}

/// A coupon that an agent granted, or took back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CouponMoved {
    /// The agent that granted it or took it back.
    pub agent_id: AgentGuid,
    /// The coupon.
    pub coupon_id: i64,
    /// The player that it was granted to.
    pub player_id: i64,
    /// What kind of coupon it is.
    pub template_id: i64,
    /// What the coupon is worth.
    pub amount: Money,
    /// Currency of the brand.
    pub currency: Currency,
    /// The coupon cannot be used from here on.
    #[serde(serialize_with = "serialize_timestamp")]
    pub expires_at: DateTime<Utc>,
}

fn serialize_timestamp<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&timestamp(*at))
}
