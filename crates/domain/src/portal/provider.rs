//! Shares of game providers: who keeps how much of what a provider's games win.
//!
//! A share holds from a day until the next one set for the same agent, brand and provider. At no
//! day does an agent have more than the one above it.

use std::str::FromStr;

use chrono::{Datelike as _, Months, NaiveDate};
use rust_decimal::Decimal;

use crate::problem::{Code, FieldError, Problem};

/// Shares that one request may name.
pub const MAX_SHARES: usize = 200;
/// Decimal places that a request may use.
const DECIMALS: usize = 4;

/// A share that one agent is to give a direct sub, in percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    pub provider_id: i32,
    pub percentage: Decimal,
}

/// Reads a percentage that a client sent: ASCII digits with at most four decimals, from 0 to 100.
/// No sign, exponent, separator or other script's digit.
///
/// # Errors
/// Says which rule the text breaks, without repeating the text.
pub fn parse_percentage(text: &str) -> Result<Decimal, &'static str> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err("must be a decimal number such as \"12.5\"");
    }
    if fraction.len() > DECIMALS {
        return Err("must have at most 4 decimal places");
    }
    let value = Some(whole)
        .filter(|whole| whole.len() <= 3)
        .and_then(|_| Decimal::from_str(text).ok())
        .filter(|value| *value <= Decimal::ONE_HUNDRED);
    value.ok_or("must be at most 100")
}

/// Reads the shares of one request.
///
/// # Errors
/// `validation_failed` naming each field: no percentage, or a provider twice.
pub fn read_shares<'a>(
    asked: impl IntoIterator<Item = (i32, &'a str)>,
) -> Result<Vec<Share>, Problem> {
    let (mut shares, mut errors) = (Vec::<Share>::new(), Vec::new());
    for (index, (provider_id, text)) in asked.into_iter().enumerate() {
        if shares.iter().any(|share| share.provider_id == provider_id) {
            errors.push(broken(index, "provider_id", "is named twice"));
        }
        match parse_percentage(text) {
            Ok(percentage) => shares.push(Share {
                provider_id,
                percentage,
            }),
            Err(message) => errors.push(broken(index, "percentage", message)),
        }
    }
    if errors.is_empty() {
        Ok(shares)
    } else {
        Err(Problem::fields(errors))
    }
}

fn broken(index: usize, member: &str, message: impl Into<String>) -> FieldError {
    FieldError {
        field: format!("percentages[{index}].{member}"),
        message: message.into(),
    }
}

/// First day of the next calendar month: when a share set today begins to hold.
#[must_use]
pub fn next_period(today: NaiveDate) -> NaiveDate {
    let first = today.with_day(1).unwrap_or(today);
    first.checked_add_months(Months::new(1)).unwrap_or(first)
}

/// What a new share of a provider has to keep to, from its day until the share that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub provider_id: i32,
    /// The most that a direct sub of the receiver has.
    pub min: Decimal,
    /// The least that the giver has.
    pub max: Decimal,
    /// What holds on that day so far.
    pub current: Decimal,
    /// What was already set for exactly that day.
    pub set: Option<Decimal>,
}

/// Judges shares by their bounds; gives those that are to be written, which are the ones not set
/// in the same way before.
///
/// # Errors
/// `validation_failed` for a provider that the brand does not offer; `percentage_out_of_range`;
/// `conflict` where another share was set for that day: what was set is never changed.
pub fn judge(shares: &[Share], bounds: &[Bounds]) -> Result<Vec<Share>, Problem> {
    let (mut unknown, mut outside) = (Vec::new(), Vec::new());
    let (mut fresh, mut taken) = (Vec::new(), false);
    for (index, share) in shares.iter().enumerate() {
        let known = bounds.iter().find(|of| of.provider_id == share.provider_id);
        match known {
            None => unknown.push(broken(index, "provider_id", "is no provider of this brand")),
            Some(bounds) if bounds.set == Some(share.percentage) => {}
            Some(bounds) => {
                taken |= bounds.set.is_some();
                outside.extend(bounds.check(index, share.percentage));
                fresh.push(*share);
            }
        }
    }
    if !unknown.is_empty() {
        return Err(Problem::fields(unknown));
    }
    if !outside.is_empty() {
        let mut problem = Problem::new(
            Code::PercentageOutOfRange,
            "a share is more than your own, or less than one below it",
        );
        problem.errors = outside;
        return Err(problem);
    }
    if taken {
        return Err(Problem::new(
            Code::Conflict,
            "another share was already set for that day",
        ));
    }
    Ok(fresh)
}

impl Bounds {
    fn check(&self, index: usize, percentage: Decimal) -> Option<FieldError> {
        let message = if percentage > self.max {
            format!("must be at most {}", self.max.normalize())
        } else if percentage < self.min {
            format!("must be at least {}", self.min.normalize())
        } else {
            return None;
        };
        Some(broken(index, "percentage", message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn q26_percentages_are_plain_decimals_from_0_to_100() {
        for good in ["0", "0.0001", "12.5", "007", "99.9999", "100", "100.0000"] {
            assert_eq!(parse_percentage(good), Ok(decimal(good)), "{good}");
        }
        for bad in [
            "",
            " ",
            "-1",
            "+1",
            "1e1",
            "NaN",
            "1,5",
            "1.",
            ".5",
            "1.2.3",
            "١٢",
            "1 ",
            "1.00000",
            "100.0001",
            "101",
            "0100",
            "99999999999999999999999999999999999999",
        ] {
            assert!(parse_percentage(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn q26_every_broken_field_is_named() {
        let asked = [(1, "10"), (2, "x"), (1, "20"), (3, "101")];
        let problem = read_shares(asked).unwrap_err();
        let fields: Vec<&str> = problem.errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(problem.code, Code::ValidationFailed);
        assert_eq!(
            fields,
            [
                "percentages[1].percentage",
                "percentages[2].provider_id",
                "percentages[3].percentage"
            ]
        );
    }

    #[test]
    fn q26_the_next_period_begins_with_the_next_month() {
        for (today, next) in [
            ("2026-01-01", "2026-02-01"),
            ("2026-01-31", "2026-02-01"),
            ("2026-12-31", "2027-01-01"),
            ("2028-02-29", "2028-03-01"),
        ] {
            assert_eq!(
                next_period(today.parse().unwrap()),
                next.parse::<NaiveDate>().unwrap()
            );
        }
    }

    fn bounds(set: Option<&str>) -> Bounds {
        Bounds {
            provider_id: 7,
            min: decimal("10"),
            max: decimal("40"),
            current: decimal("20"),
            set: set.map(decimal),
        }
    }

    fn judged(percentage: &str, set: Option<&str>) -> Result<usize, Code> {
        let share = Share {
            provider_id: 7,
            percentage: decimal(percentage),
        };
        judge(&[share], &[bounds(set)])
            .map(|fresh| fresh.len())
            .map_err(|problem| problem.code)
    }

    #[test]
    fn q26_both_bounds_are_inclusive() {
        assert_eq!(judged("10", None), Ok(1));
        assert_eq!(judged("40", None), Ok(1));
        assert_eq!(judged("9.9999", None), Err(Code::PercentageOutOfRange));
        assert_eq!(judged("40.0001", None), Err(Code::PercentageOutOfRange));
    }

    #[test]
    fn q26_what_was_set_for_a_day_stays() {
        assert_eq!(judged("25", Some("25.0000")), Ok(0));
        assert_eq!(judged("26", Some("25.0000")), Err(Code::Conflict));
        // Out of range comes first: waiting would not help.
        assert_eq!(judged("41", Some("25")), Err(Code::PercentageOutOfRange));
    }

    #[test]
    fn q26_a_provider_of_another_brand_is_none() {
        let share = Share {
            provider_id: 8,
            percentage: Decimal::ONE,
        };
        let problem = judge(&[share], &[bounds(None)]).unwrap_err();
        assert_eq!(problem.code, Code::ValidationFailed);
        assert_eq!(problem.errors[0].field, "percentages[0].provider_id");
    }
}
