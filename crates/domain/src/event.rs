//! Domain events: what the service tells the platform (P-091, P-166, P-167).
//!
//! One variant per event, one documented payload each. The envelope is version 2; its golden
//! vectors are tests, because other services parse these bytes.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    ids::{AgentGuid, BrandId, WithdrawNo},
    money::{Currency, Money},
    portal::withdraw::WithdrawStatus,
};

/// Version of the envelope (P-167).
pub const SCHEMA_VERSION: i16 = 2;

/// What happened. Payloads hold no phone, no card number beyond its last four digits.
#[derive(Clone, Debug, PartialEq)]
pub enum EventBody {
    /// An agent asked for a withdrawal; the amount is now held.
    WithdrawCreated(WithdrawCreated),
    /// A withdrawal moved on, or ended and released or settled its hold.
    WithdrawStatusChanged(WithdrawStatusChanged),
    /// An account got or lost money by an operator's adjustment.
    AccountAdjusted(AccountAdjusted),
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithdrawCreated {
    #[serde(skip)]
    pub withdraw_guid: i64,
    pub agent_id: AgentGuid,
    pub withdraw_no: WithdrawNo,
    pub amount: Money,
    pub fee: Money,
    pub net_amount: Money,
    pub currency: Currency,
    pub card_last4: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithdrawStatusChanged {
    #[serde(skip)]
    pub withdraw_guid: i64,
    pub agent_id: AgentGuid,
    pub withdraw_no: WithdrawNo,
    pub amount: Money,
    pub currency: Currency,
    pub from: WithdrawStatus,
    pub to: WithdrawStatus,
    pub actor: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AccountAdjusted {
    pub agent_id: AgentGuid,
    pub amount: Money,
    pub currency: Currency,
    pub available: Money,
    pub frozen: Money,
    pub reference: String,
}

/// An event with its envelope, as it is stored in the outbox.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainEvent {
    /// UUID version 7; stable over every redelivery, so that consumers can drop repeats.
    pub event_id: Uuid,
    pub brand_id: BrandId,
    pub occurred_at: DateTime<Utc>,
    pub body: EventBody,
}

impl DomainEvent {
    #[must_use]
    pub fn event_type(&self) -> &'static str {
        match &self.body {
            EventBody::WithdrawCreated(_) => "agent.withdraw.created",
            EventBody::WithdrawStatusChanged(_) => "agent.withdraw.status_changed",
            EventBody::AccountAdjusted(_) => "agent.account.adjusted",
        }
    }

    /// The aggregate within which order is kept.
    #[must_use]
    pub fn aggregate_type(&self) -> &'static str {
        match &self.body {
            EventBody::WithdrawCreated(_) | EventBody::WithdrawStatusChanged(_) => "agent_withdraw",
            EventBody::AccountAdjusted(_) => "agent_account",
        }
    }

    #[must_use]
    pub fn aggregate_id(&self) -> String {
        match &self.body {
            EventBody::WithdrawCreated(body) => body.withdraw_guid.to_string(),
            EventBody::WithdrawStatusChanged(body) => body.withdraw_guid.to_string(),
            EventBody::AccountAdjusted(body) => format!("{}:{}", body.agent_id, self.brand_id),
        }
    }

    /// The payload, which repeats `brand_id` for consumers that see nothing else (P-166).
    #[must_use]
    pub fn payload(&self) -> Value {
        let mut payload = match &self.body {
            EventBody::WithdrawCreated(body) => json!(body),
            EventBody::WithdrawStatusChanged(body) => json!(body),
            EventBody::AccountAdjusted(body) => json!(body),
        };
        payload["brand_id"] = json!(self.brand_id);
        payload
    }
}

/// Timestamps on the wire: RFC 3339, UTC, microseconds.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p166_p167_withdraw_created_golden_vector() {
        let event = DomainEvent {
            event_id: Uuid::nil(),
            brand_id: BrandId(7),
            occurred_at: DateTime::UNIX_EPOCH,
            body: EventBody::WithdrawCreated(WithdrawCreated {
                withdraw_guid: 17,
                agent_id: AgentGuid(42),
                withdraw_no: WithdrawNo::parse("W20260428000017").unwrap(),
                amount: Money(1500.into()),
                fee: Money(15.into()),
                net_amount: Money(1485.into()),
                currency: "THB".parse().unwrap(),
                card_last4: "8891".to_owned(),
            }),
        };
        assert_eq!(SCHEMA_VERSION, 2);
        assert_eq!(event.event_type(), "agent.withdraw.created");
        assert_eq!(
            (event.aggregate_type(), event.aggregate_id().as_str()),
            ("agent_withdraw", "17")
        );
        assert_eq!(timestamp(event.occurred_at), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            event.payload(),
            json!({
                "brand_id": 7, "agent_id": 42, "withdraw_no": "W20260428000017",
                "amount": "1500.0000", "fee": "15.0000", "net_amount": "1485.0000",
                "currency": "THB", "card_last4": "8891",
            })
        );
    }
}
