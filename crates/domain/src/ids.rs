//! Identifiers as types that cannot be swapped for one another.
//!
//! BIGINT identifiers come from sequences, stay below 2^53 and travel as JSON integers.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! integer_id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

integer_id!(
    /// A human agent of the portal (`agent.guid`). Never a machine agent of the identity plane.
    AgentGuid(i64)
);
integer_id!(
    /// A brand; always greater than zero. Zero means "no brand was resolved" and occurs only in
    /// audit rows.
    BrandId(i64)
);
integer_id!(
    /// A payout card of an agent (`agent_bank_card.id`).
    CardId(i64)
);
integer_id!(
    /// A bank of the catalogue (`bank.bank_id`).
    BankId(i32)
);

/// The public number of a withdrawal, e.g. `W20260428000017`: `W`, the brand's calendar day, a
/// sequence number of at least six digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WithdrawNo(String);

impl WithdrawNo {
    /// Builds the number from the brand's calendar day and a sequence value.
    #[must_use]
    pub fn new(day: chrono::NaiveDate, sequence: i64) -> Self {
        Self(format!("W{}{sequence:06}", day.format("%Y%m%d")))
    }

    /// Reads a number that a client sent; `None` for anything that cannot be one, so that no
    /// arbitrary text reaches a query.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('W')?;
        let plausible =
            (14..=27).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        plausible.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WithdrawNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
