//! Domain events: what the service tells the platform (P-091, P-166, P-167).
//!
//! One variant per event, one documented payload each. The envelope is version 2; its golden
//! vectors are tests, because other services parse these bytes. `docs/EVENTS.md` is made from the
//! comments here and in `event/payload.rs`, and from [`DomainEvent::examples`].

mod example;
mod payload;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ids::BrandId;

pub use payload::{
    AccountAdjusted, CouponMoved, PercentageChanged, ProviderPercentage, SubCreated,
    SubPasswordReset, SubStatusChanged, WithdrawCreated, WithdrawStatusChanged,
};

/// Version of the envelope (P-167).
pub const SCHEMA_VERSION: i16 = 2;

/// What happened. A comment here is what consumers read about the event. Payloads hold no phone, no card number beyond its last four digits.
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
            | EventBody::SubPasswordReset(_)
            | EventBody::PercentageChanged(_) => "agent",
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

#[cfg(test)]
mod tests;
