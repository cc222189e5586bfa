//! Withdrawals: states, allowed moves, limits.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::{
    money::{self, Currency, Money},
    problem::{Code, Problem},
};

/// State of a withdrawal order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawStatus {
    Pending,
    Reviewing,
    Approved,
    Paying,
    Paid,
    Rejected,
    Cancelled,
}

/// What a move does to the held amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldEffect {
    /// Nothing; the amount stays frozen.
    Keep,
    /// The frozen amount goes back to the available balance.
    Release,
    /// The frozen amount leaves the account.
    Settle,
}

impl WithdrawStatus {
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Reviewing,
        Self::Approved,
        Self::Paying,
        Self::Paid,
        Self::Rejected,
        Self::Cancelled,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Reviewing => "reviewing",
            Self::Approved => "approved",
            Self::Paying => "paying",
            Self::Paid => "paid",
            Self::Rejected => "rejected",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// What moving to `next` does to the hold; `None` where the move is not allowed. Only an agent
    /// cancels, and only while the order is pending.
    #[must_use]
    pub fn move_to(self, next: Self) -> Option<HoldEffect> {
        use WithdrawStatus::{Approved, Cancelled, Paid, Paying, Pending, Rejected, Reviewing};
        match (self, next) {
            (Pending, Reviewing) | (Reviewing, Approved) | (Approved, Paying) => {
                Some(HoldEffect::Keep)
            }
            (Paying, Paid) => Some(HoldEffect::Settle),
            (Pending, Cancelled) | (Pending | Reviewing | Approved | Paying, Rejected) => {
                Some(HoldEffect::Release)
            }
            _ => None,
        }
    }
}

/// Limits and fee that apply to one agent on one brand: the agent's own setting where there is
/// one, else the brand's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithdrawTerms {
    pub currency: Currency,
    pub min_amount: Decimal,
    pub max_amount: Decimal,
    /// Fraction of the amount (0.01 = 1 %).
    pub fee_rate: Decimal,
    pub fee_fixed: Decimal,
    /// Orders a calendar day may see; `None` = no limit.
    pub daily_count: Option<i64>,
    /// Orders that may be pending or reviewing at once.
    pub max_open: i64,
}

/// What an order of a given amount costs and pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    pub amount: Decimal,
    pub fee: Decimal,
    pub net_amount: Decimal,
}

impl WithdrawTerms {
    /// Checks an amount against the limits and computes its fee.
    ///
    /// # Errors
    /// `below_min_withdrawal`, `above_max_withdrawal`, or `validation_failed` when the fee eats
    /// the whole amount.
    pub fn quote(&self, amount: Decimal) -> Result<Quote, Problem> {
        if amount < self.min_amount {
            let detail = format!("minimum is {} {}", Money(self.min_amount), self.currency);
            return Err(Problem::new(Code::BelowMinWithdrawal, detail));
        }
        if amount > self.max_amount {
            let detail = format!("maximum is {} {}", Money(self.max_amount), self.currency);
            return Err(Problem::new(Code::AboveMaxWithdrawal, detail));
        }
        let fee = money::withdrawal_fee(amount, self.fee_rate, self.fee_fixed, self.currency);
        let net_amount = amount - fee;
        if net_amount <= Decimal::ZERO {
            return Err(Problem::field("amount", "the fee would exceed the amount"));
        }
        Ok(Quote {
            amount,
            fee,
            net_amount,
        })
    }

    /// Checks the count rules against what is already there.
    ///
    /// # Errors
    /// `withdraw_pending` or `daily_limit_reached`.
    pub fn check_counts(&self, open: i64, today: i64) -> Result<(), Problem> {
        if open >= self.max_open {
            return Err(Problem::new(
                Code::WithdrawPending,
                "an earlier withdrawal is still open",
            ));
        }
        if self.daily_count.is_some_and(|limit| today >= limit) {
            return Err(Problem::new(
                Code::DailyLimitReached,
                "no further withdrawal today",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the path, an order releases or settles its hold exactly once, and then is over.
    #[test]
    fn every_path_ends_with_one_release_or_settlement() {
        fn walk(status: WithdrawStatus, ended: bool) {
            for next in WithdrawStatus::ALL {
                let Some(effect) = status.move_to(next) else {
                    continue;
                };
                assert!(!ended, "{status:?} -> {next:?} after the hold was given up");
                walk(next, effect != HoldEffect::Keep);
            }
        }
        walk(WithdrawStatus::Pending, false);
    }

    #[test]
    fn only_pending_can_be_cancelled() {
        for status in WithdrawStatus::ALL {
            let allowed = status.move_to(WithdrawStatus::Cancelled).is_some();
            assert_eq!(allowed, status == WithdrawStatus::Pending, "{status:?}");
        }
    }

    fn terms() -> WithdrawTerms {
        WithdrawTerms {
            currency: "THB".parse().unwrap(),
            min_amount: 500.into(),
            max_amount: 50_000.into(),
            fee_rate: "0.01".parse().unwrap(),
            fee_fixed: Decimal::ZERO,
            daily_count: Some(3),
            max_open: 1,
        }
    }

    #[test]
    fn limits_are_inclusive() {
        assert_eq!(
            terms().quote(499.into()).unwrap_err().code,
            Code::BelowMinWithdrawal
        );
        assert!(terms().quote(500.into()).is_ok());
        assert!(terms().quote(50_000.into()).is_ok());
        assert_eq!(
            terms().quote(50_001.into()).unwrap_err().code,
            Code::AboveMaxWithdrawal
        );
    }

    #[test]
    fn a_fee_that_eats_the_amount_is_refused() {
        let terms = WithdrawTerms {
            fee_fixed: 500.into(),
            ..terms()
        };
        assert_eq!(
            terms.quote(500.into()).unwrap_err().code,
            Code::ValidationFailed
        );
    }
}
