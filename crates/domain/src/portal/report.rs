//! Numbers of agents over days.

use chrono::{Datelike as _, Days, NaiveDate};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::page::DayRange;

/// Whose players count: an agent's own, or also those of everybody below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatScope {
    Direct,
    #[default]
    Team,
}

impl StatScope {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Team => "team",
        }
    }
}

/// Sums over days. Amounts are in the brand's currency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub new_players: i64,
    pub new_subs: i64,
    /// Players who bet or deposited, each counted once for every day on which it did.
    pub player_days: i64,
    pub ftd_count: i64,
    /// What players paid in on the day of their first deposit.
    pub ftd_amount: Decimal,
    pub deposit_amount: Decimal,
    pub deposit_count: i64,
    pub withdraw_amount: Decimal,
    pub withdraw_count: i64,
    pub bet_amount: Decimal,
    pub bet_count: i64,
    pub valid_bet_amount: Decimal,
    pub win_amount: Decimal,
    pub bonus_amount: Decimal,
    pub fee_amount: Decimal,
    pub royalty_amount: Decimal,
    pub commission: Decimal,
}

impl Totals {
    /// Bets less wins.
    #[must_use]
    pub fn ggr(&self) -> Decimal {
        self.bet_amount - self.win_amount
    }

    /// What is left of [`Self::ggr`] after bonuses, fees and royalties.
    #[must_use]
    pub fn ngr(&self) -> Decimal {
        self.ggr() - self.bonus_amount - self.fee_amount - self.royalty_amount
    }
}

/// By what a ranking is sorted, highest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RankBy {
    /// As [`Totals::ngr`].
    #[default]
    Ngr,
    Deposit,
    Bet,
}

impl RankBy {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ngr => "ngr",
            Self::Deposit => "deposit",
            Self::Bet => "bet",
        }
    }
}

/// Steps of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupBy {
    #[default]
    Day,
    /// From Monday (ISO 8601).
    Week,
    Month,
}

impl GroupBy {
    /// First day of the step that a day belongs to.
    #[must_use]
    pub fn start_of(self, day: NaiveDate) -> NaiveDate {
        match self {
            Self::Day => day,
            Self::Week => day - Days::new(day.weekday().num_days_from_monday().into()),
            Self::Month => day.with_day(1).unwrap_or(day),
        }
    }

    /// First days of all steps that a range touches, without a gap.
    #[must_use]
    pub fn starts(self, range: DayRange) -> Vec<NaiveDate> {
        let mut starts: Vec<NaiveDate> = range
            .first
            .iter_days()
            .take_while(|day| *day <= range.last)
            .map(|day| self.start_of(day))
            .collect();
        starts.dedup();
        starts
    }
}

/// As many days right before a range as it has.
#[must_use]
pub fn days_before(range: DayRange) -> DayRange {
    let length = Days::new((range.last - range.first).num_days().unsigned_abs() + 1);
    DayRange {
        first: range.first - length,
        last: range.last - length,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: &str, last: &str) -> DayRange {
        DayRange {
            first: first.parse().unwrap(),
            last: last.parse().unwrap(),
        }
    }

    #[test]
    fn p028_a_chart_has_no_gaps_and_weeks_begin_on_mondays() {
        let year_end = range("2026-12-26", "2027-01-05");
        let starts = |by: GroupBy| -> Vec<String> {
            let starts = by.starts(year_end).into_iter();
            starts.map(|day| day.to_string()).collect()
        };
        assert_eq!(
            starts(GroupBy::Week),
            ["2026-12-21", "2026-12-28", "2027-01-04"]
        );
        assert_eq!(starts(GroupBy::Month), ["2026-12-01", "2027-01-01"]);
        assert_eq!(starts(GroupBy::Day).len(), 11);
    }

    #[test]
    fn p028_the_days_before_end_where_the_range_begins() {
        let before = days_before(range("2026-03-01", "2026-03-31"));
        assert_eq!(before, range("2026-01-29", "2026-02-28"));
        let before = days_before(range("2026-03-01", "2026-03-01"));
        assert_eq!(before, range("2026-02-28", "2026-02-28"));
    }

    #[test]
    fn p028_net_is_gross_less_bonus_fee_and_royalty() {
        let totals = Totals {
            bet_amount: Decimal::from(100),
            win_amount: Decimal::from(120),
            bonus_amount: Decimal::from(1),
            fee_amount: Decimal::from(2),
            royalty_amount: Decimal::from(3),
            ..Totals::default()
        };
        assert_eq!(
            (totals.ggr(), totals.ngr()),
            (Decimal::from(-20), Decimal::from(-26))
        );
    }
}
