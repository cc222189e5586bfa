//! Coupons that agents give their players, and the quota they give them out of.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::page::start_of_day;

/// Most coupons of one grant or one recycling.
pub const MAX_AT_ONCE: usize = 100;

/// Where a coupon is in its life: granted, and from there one step to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponStatus {
    /// The player may use it until it expires.
    Granted,
    Used,
    /// Taken back by the agent that gave it.
    Recycled,
    Expired,
}

impl CouponStatus {
    pub const ALL: [Self; 4] = [Self::Granted, Self::Used, Self::Recycled, Self::Expired];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Used => "used",
            Self::Recycled => "recycled",
            Self::Expired => "expired",
        }
    }

    /// Reads a stored or requested state.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether the agent may still take the coupon back. From the instant of its expiry on it may
    /// not, whether or not that was noted yet.
    #[must_use]
    pub fn is_recyclable(self, expires_at: DateTime<Utc>, now: DateTime<Utc>) -> bool {
        self == Self::Granted && now < expires_at
    }
}

/// When a coupon granted now expires. What lies beyond all calendars is their end.
#[must_use]
pub fn expiry(granted_at: DateTime<Utc>, valid_days: u32) -> DateTime<Utc> {
    granted_at
        .checked_add_days(Days::new(valid_days.into()))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// A calendar month of a brand, for which an agent has one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaPeriod {
    first: NaiveDate,
}

impl QuotaPeriod {
    /// The month around a calendar day of the brand.
    #[must_use]
    pub fn of(day: NaiveDate) -> Self {
        Self {
            first: day.with_day(1).unwrap_or(day),
        }
    }

    /// First instant of the next month: the next quota begins.
    #[must_use]
    pub fn resets_at(self, timezone: Tz) -> DateTime<Utc> {
        let next = self.first.checked_add_months(Months::new(1));
        start_of_day(next.unwrap_or(self.first), timezone)
    }
}

/// `YYYY-MM`.
impl fmt::Display for QuotaPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// Amounts of one month, in the brand's currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub total: Decimal,
    /// Granted and not recycled.
    pub used: Decimal,
}

impl Quota {
    /// What may still be granted.
    #[must_use]
    pub fn remaining(self) -> Decimal {
        self.total - self.used
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn p038_only_a_granted_coupon_is_recycled_and_only_before_it_expires() {
        let expires = instant("2026-05-01T00:00:00Z");
        let before = expires - TimeDelta::microseconds(1);
        for status in CouponStatus::ALL {
            let recyclable = status == CouponStatus::Granted;
            assert_eq!(
                status.is_recyclable(expires, before),
                recyclable,
                "{status:?}"
            );
            assert!(!status.is_recyclable(expires, expires), "{status:?}");
            assert_eq!(serde_json::json!(status), status.as_str());
        }
    }

    #[test]
    fn q25_a_period_is_a_month_of_the_brand() {
        let day = |text: &str| QuotaPeriod::of(text.parse().unwrap());
        let december = day("2026-12-31");
        assert_eq!(december.to_string(), "2026-12");
        assert_eq!(december, day("2026-12-01"));
        assert_ne!(december, day("2027-01-01"));
        let bangkok = chrono_tz::Asia::Bangkok;
        assert_eq!(december.resets_at(bangkok), instant("2026-12-31T17:00:00Z"));
        // A month that begins under another offset than the one before.
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(
            day("2026-03-15").resets_at(berlin),
            instant("2026-03-31T22:00:00Z")
        );
    }

    #[test]
    fn no_number_of_days_is_too_many() {
        let now = instant("2026-05-01T12:00:00Z");
        assert_eq!(expiry(now, 7), instant("2026-05-08T12:00:00Z"));
        assert!(expiry(now, i32::MAX.unsigned_abs()) > now);
    }
}
