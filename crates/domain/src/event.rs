//! Domain events: what the service tells the platform (P-091, P-166, P-167).
//!
//! One variant per event, one documented payload each. The envelope is version 2; its golden
//! vectors are tests, because other services parse these bytes.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde::{Serialize, Serializer};
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
    /// An agent gave a player a coupon.
    CouponGranted(CouponMoved),
    /// An agent took a coupon back that was not used.
    CouponRecycled(CouponMoved),
    /// An agent made another one below it; the admin service decides about its brands.
    SubCreated(SubCreated),
    /// An agent was locked or let in again by the one above it.
    SubStatusChanged(SubStatusChanged),
    /// An agent got a temporary password from the one above it.
    SubPasswordReset(SubPasswordReset),
    /// An agent got other shares of providers from the one above it.
    PercentageChanged(PercentageChanged),
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

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PercentageChanged {
    /// Who gets the shares.
    pub agent_id: AgentGuid,
    /// Who gives them.
    pub set_by: AgentGuid,
    /// First day on which they hold.
    pub effective_from: NaiveDate,
    pub percentages: Vec<ProviderPercentage>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ProviderPercentage {
    pub provider_id: i32,
    /// Of 100, with four decimals.
    pub percentage: Money,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubCreated {
    pub agent_id: AgentGuid,
    pub parent_guid: AgentGuid,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubStatusChanged {
    pub agent_id: AgentGuid,
    pub parent_guid: AgentGuid,
    /// `active` or `locked`.
    pub to: &'static str,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SubPasswordReset {
    pub agent_id: AgentGuid,
    pub parent_guid: AgentGuid,
}

/// A coupon that an agent granted, or took back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CouponMoved {
    pub agent_id: AgentGuid,
    pub coupon_id: i64,
    pub player_id: i64,
    pub template_id: i64,
    pub amount: Money,
    pub currency: Currency,
    #[serde(serialize_with = "serialize_timestamp")]
    pub expires_at: DateTime<Utc>,
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
            EventBody::CouponGranted(_) => "agent.coupon.granted",
            EventBody::CouponRecycled(_) => "agent.coupon.recycled",
            EventBody::SubCreated(_) => "agent.sub.created",
            EventBody::SubStatusChanged(_) => "agent.sub.status_changed",
            EventBody::SubPasswordReset(_) => "agent.sub.password_reset",
            EventBody::PercentageChanged(_) => "agent.percentage.changed",
        }
    }

    /// The aggregate within which order is kept.
    #[must_use]
    pub fn aggregate_type(&self) -> &'static str {
        match &self.body {
            EventBody::WithdrawCreated(_) | EventBody::WithdrawStatusChanged(_) => "agent_withdraw",
            EventBody::AccountAdjusted(_) => "agent_account",
            EventBody::CouponGranted(_) | EventBody::CouponRecycled(_) => "coupon",
            EventBody::SubCreated(_)
            | EventBody::SubStatusChanged(_)
            | EventBody::SubPasswordReset(_) => "agent",
            EventBody::PercentageChanged(_) => "agent",
        }
    }

    #[must_use]
    pub fn aggregate_id(&self) -> String {
        match &self.body {
            EventBody::WithdrawCreated(body) => body.withdraw_guid.to_string(),
            EventBody::WithdrawStatusChanged(body) => body.withdraw_guid.to_string(),
            EventBody::AccountAdjusted(body) => format!("{}:{}", body.agent_id, self.brand_id),
            EventBody::CouponGranted(body) | EventBody::CouponRecycled(body) => {
                body.coupon_id.to_string()
            }
            EventBody::SubCreated(body) => body.agent_id.to_string(),
            EventBody::SubStatusChanged(body) => body.agent_id.to_string(),
            EventBody::SubPasswordReset(body) => body.agent_id.to_string(),
            EventBody::PercentageChanged(body) => body.agent_id.to_string(),
        }
    }

    /// The payload, which repeats `brand_id` for consumers that see nothing else (P-166).
    #[must_use]
    pub fn payload(&self) -> Value {
        let mut payload = match &self.body {
            EventBody::WithdrawCreated(body) => json!(body),
            EventBody::WithdrawStatusChanged(body) => json!(body),
            EventBody::AccountAdjusted(body) => json!(body),
            EventBody::CouponGranted(body) | EventBody::CouponRecycled(body) => json!(body),
            EventBody::SubCreated(body) => json!(body),
            EventBody::SubStatusChanged(body) => json!(body),
            EventBody::SubPasswordReset(body) => json!(body),
            EventBody::PercentageChanged(body) => json!(body),
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

fn serialize_timestamp<S: Serializer>(at: &DateTime<Utc>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&timestamp(*at))
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

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

    #[test]
    fn p166_p167_percentage_changed_golden_vector() {
        let event = DomainEvent {
            event_id: Uuid::nil(),
            brand_id: BrandId(7),
            occurred_at: DateTime::UNIX_EPOCH,
            body: EventBody::PercentageChanged(PercentageChanged {
                agent_id: AgentGuid(43),
                set_by: AgentGuid(42),
                effective_from: NaiveDate::from_ymd_opt(2026, 5, 1).unwrap(),
                percentages: vec![ProviderPercentage {
                    provider_id: 3,
                    percentage: Money(Decimal::new(125, 1)),
                }],
            }),
        };
        assert_eq!(event.event_type(), "agent.percentage.changed");
        assert_eq!(
            (event.aggregate_type(), event.aggregate_id().as_str()),
            ("agent", "43")
        );
        assert_eq!(
            event.payload(),
            json!({
                "brand_id": 7, "agent_id": 43, "set_by": 42, "effective_from": "2026-05-01",
                "percentages": [{ "provider_id": 3, "percentage": "12.5000" }],
            })
        );
    }

    #[test]
    fn p033_p166_p167_sub_agents_golden_vectors() {
        let (agent_id, parent_guid) = (AgentGuid(43), AgentGuid(42));
        let created = EventBody::SubCreated(SubCreated {
            agent_id,
            parent_guid,
        });
        let locked = EventBody::SubStatusChanged(SubStatusChanged {
            agent_id,
            parent_guid,
            to: "locked",
        });
        let reset = EventBody::SubPasswordReset(SubPasswordReset {
            agent_id,
            parent_guid,
        });
        let named = json!({ "brand_id": 7, "agent_id": 43, "parent_guid": 42 });
        let told = json!({ "brand_id": 7, "agent_id": 43, "parent_guid": 42, "to": "locked" });
        for (body, event_type, payload) in [
            (created, "agent.sub.created", &named),
            (locked, "agent.sub.status_changed", &told),
            (reset, "agent.sub.password_reset", &named),
        ] {
            let event = DomainEvent {
                event_id: Uuid::nil(),
                brand_id: BrandId(7),
                occurred_at: DateTime::UNIX_EPOCH,
                body,
            };
            assert_eq!(event.event_type(), event_type);
            assert_eq!(event.aggregate_type(), "agent");
            assert_eq!(event.aggregate_id(), "43");
            assert_eq!(&event.payload(), payload);
        }
    }

    #[test]
    fn p037_p038_p166_coupon_golden_vectors() {
        let moved = CouponMoved {
            agent_id: AgentGuid(42),
            coupon_id: 9,
            player_id: 1001,
            template_id: 3,
            amount: Money(100.into()),
            currency: "THB".parse().unwrap(),
            expires_at: DateTime::UNIX_EPOCH,
        };
        for (body, event_type) in [
            (
                EventBody::CouponGranted(moved.clone()),
                "agent.coupon.granted",
            ),
            (EventBody::CouponRecycled(moved), "agent.coupon.recycled"),
        ] {
            let event = DomainEvent {
                event_id: Uuid::nil(),
                brand_id: BrandId(7),
                occurred_at: DateTime::UNIX_EPOCH,
                body,
            };
            assert_eq!(event.event_type(), event_type);
            assert_eq!(
                (event.aggregate_type(), event.aggregate_id().as_str()),
                ("coupon", "9")
            );
            assert_eq!(
                event.payload(),
                json!({
                    "brand_id": 7, "agent_id": 42, "coupon_id": 9, "player_id": 1001, "template_id": 3,
                    "amount": "100.0000", "currency": "THB", "expires_at": "1970-01-01T00:00:00.000000Z",
                })
            );
        }
    }
}
