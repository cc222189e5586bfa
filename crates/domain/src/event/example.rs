//! One example of every event: the golden tests and `docs/EVENTS.md` read the same values.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

use super::{
    AccountAdjusted, CouponMoved, DomainEvent, EventBody, PercentageChanged, ProviderPercentage,
    SubCreated, SubPasswordReset, SubStatusChanged, WithdrawCreated, WithdrawStatusChanged,
};
use crate::{
    ids::{AgentGuid, BrandId, WithdrawNo},
    money::{Currency, Money},
    portal::{provider::next_period, withdraw::WithdrawStatus},
};

/// 2026-04-28, 10:00 UTC and a fraction that shows all six digits.
const OCCURRED_AT: DateTime<Utc> = DateTime::from_timestamp_nanos(1_777_370_400_123_456_000);
/// A version 7 id of that millisecond; the place of the event is added.
const FIRST_ID: u128 = 0x019d_d388_057b_7000_8000_0000_0000_0001;

const AGENT: AgentGuid = AgentGuid(42);
const SUB: AgentGuid = AgentGuid(43);

impl DomainEvent {
    /// One example of every event, in the order of [`EventBody`].
    #[must_use]
    pub fn examples() -> Vec<Self> {
        let enveloped = |(event_id, body)| Self {
            event_id: Uuid::from_u128(event_id),
            brand_id: BrandId(7),
            occurred_at: OCCURRED_AT,
            body,
        };
        let ids = FIRST_ID..;
        ids.zip(EventBody::examples()).map(enveloped).collect()
    }
}

impl EventBody {
    /// The bodies of [`DomainEvent::examples`].
    #[must_use]
    pub fn examples() -> Vec<Self> {
        vec![
            Self::WithdrawCreated(withdraw_created()),
            Self::WithdrawStatusChanged(withdraw_status_changed()),
            Self::AccountAdjusted(account_adjusted()),
            Self::CouponGranted(coupon_moved()),
            Self::CouponRecycled(coupon_moved()),
            Self::SubCreated(SubCreated {
                agent_id: SUB,
                parent_guid: AGENT,
            }),
            Self::SubStatusChanged(SubStatusChanged {
                agent_id: SUB,
                parent_guid: AGENT,
                to: "locked",
            }),
            Self::SubPasswordReset(SubPasswordReset {
                agent_id: SUB,
                parent_guid: AGENT,
            }),
            Self::PercentageChanged(percentage_changed()),
        ]
    }
}

fn withdraw_created() -> WithdrawCreated {
    WithdrawCreated {
        withdraw_guid: 17,
        agent_id: AGENT,
        withdraw_no: WithdrawNo::new(OCCURRED_AT.date_naive(), 17),
        amount: Money(1500.into()),
        fee: Money(15.into()),
        net_amount: Money(1485.into()),
        currency: Currency::THB,
        card_last4: "8891".to_owned(),
    }
}

fn withdraw_status_changed() -> WithdrawStatusChanged {
    WithdrawStatusChanged {
        withdraw_guid: 17,
        agent_id: AGENT,
        withdraw_no: WithdrawNo::new(OCCURRED_AT.date_naive(), 17),
        amount: Money(1500.into()),
        currency: Currency::THB,
        from: WithdrawStatus::Paying,
        to: WithdrawStatus::Paid,
        actor: "operator:reviewer-1".to_owned(),
    }
}

fn account_adjusted() -> AccountAdjusted {
    AccountAdjusted {
        agent_id: AGENT,
        amount: Money(Decimal::new(-2505, 1)),
        currency: Currency::THB,
        available: Money(Decimal::new(32495, 1)),
        frozen: Money(1500.into()),
        reference: "correction-2026-04".to_owned(),
    }
}

fn coupon_moved() -> CouponMoved {
    CouponMoved {
        agent_id: AGENT,
        coupon_id: 9,
        player_id: 1001,
        template_id: 3,
        amount: Money(100.into()),
        currency: Currency::THB,
        expires_at: OCCURRED_AT + TimeDelta::days(7),
    }
}

fn percentage_changed() -> PercentageChanged {
    PercentageChanged {
        agent_id: SUB,
        set_by: AGENT,
        effective_from: next_period(OCCURRED_AT.date_naive()),
        percentages: vec![ProviderPercentage {
            provider_id: 3,
            percentage: Money(Decimal::new(125, 1)),
        }],
    }
}
