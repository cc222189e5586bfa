//! Money: decimal, never binary floating point.

use std::{fmt, str::FromStr};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Decimal places stored and shown.
pub const SCALE: u32 = 4;
/// Largest amount that a request may name: 10^12.
pub const MAX_REQUEST_AMOUNT: i64 = 1_000_000_000_000;
/// Digits before the point that a request may use, leading zeros included.
pub const MAX_WHOLE_DIGITS: usize = 13;

/// An ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

/// The text was not three capital letters.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a currency is three capital letters")]
pub struct InvalidCurrency;

impl Currency {
    /// Thai baht, for examples.
    pub(crate) const THB: Self = Self(*b"THB");

    /// Decimal places of the smallest unit (ISO 4217 exponent), capped at the two that requests
    /// may use.
    #[must_use]
    pub fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG"
            | b"RWF" | b"UGX" | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            _ => 2,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Only ASCII letters get in, so this is always valid text.
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if bytes.iter().all(u8::is_ascii_uppercase) {
            Ok(Self(bytes))
        } else {
            Err(InvalidCurrency)
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// An amount as it is stored and shown: four decimal places, on the wire a string (`"1500.0000"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money(pub Decimal);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = self.0;
        value.rescale(SCALE);
        value.fmt(f)
    }
}

/// Sign, fifteen digits, point and four digits: all that an `i64` of ten-thousandths can have.
const LONGEST: usize = 1 + 15 + 1 + SCALE as usize;

/// As [`fmt::Display`] writes it, but for a zero's sign, in a third of the time: a report has thousands of
/// amounts. What does not fit is left to that.
impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = self.0;
        value.rescale(SCALE);
        let units = i64::try_from(value.mantissa());
        let Some(units) = units.ok().filter(|_| value.scale() == SCALE) else {
            return serializer.collect_str(self);
        };
        let mut text = [b'0'; LONGEST];
        let point = LONGEST - SCALE as usize - 1;
        let mut rest = units.unsigned_abs();
        let mut start = LONGEST;
        while rest > 0 || start >= point {
            start -= 1;
            if start == point {
                text[start] = b'.';
                continue;
            }
            // A digit always fits.
            text[start] += u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
        if units < 0 {
            start -= 1;
            text[start] = b'-';
        }
        let text = std::str::from_utf8(&text[start..]).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Money {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Why an amount in a request is no amount.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum AmountError {
    #[error("must be a decimal number such as \"1500.00\"")]
    NotADecimal,
    #[error("must have at most {0} decimal places")]
    TooManyDecimals(u32),
    #[error("must be greater than 0")]
    NotPositive,
    #[error("must be at most 1000000000000")]
    TooLarge,
}

/// Reads an amount that a client sent: ASCII digits with at most as many decimals as the currency
/// has, greater than zero, at most 10^12. No sign, exponent, separator or other script's digit.
///
/// # Errors
/// Says which rule the text breaks, without repeating the text.
pub fn parse_request_amount(text: &str, currency: Currency) -> Result<Decimal, AmountError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(AmountError::NotADecimal);
    }
    if text.contains('.') && fraction.len() > currency.exponent() as usize {
        return Err(AmountError::TooManyDecimals(currency.exponent()));
    }
    if whole.len() > MAX_WHOLE_DIGITS {
        return Err(AmountError::TooLarge);
    }
    let value = Decimal::from_str(text).map_err(|_| AmountError::NotADecimal)?;
    if value <= Decimal::ZERO {
        return Err(AmountError::NotPositive);
    }
    if value > Decimal::from(MAX_REQUEST_AMOUNT) {
        return Err(AmountError::TooLarge);
    }
    Ok(value)
}

/// Whether a value, of either sign, fits `numeric(20,4)` without being rounded.
#[must_use]
pub fn is_storable(value: Decimal) -> bool {
    value.normalize().scale() <= SCALE && value.abs() < Decimal::from(10_i64.pow(16))
}

/// Fee of a withdrawal: `amount x rate + fixed`, rounded to the currency's smallest unit, half
/// away from zero. `rate` is a fraction (0.01 = 1 %).
#[must_use]
pub fn withdrawal_fee(
    amount: Decimal,
    rate: Decimal,
    fixed: Decimal,
    currency: Currency,
) -> Decimal {
    (amount * rate + fixed)
        .round_dp_with_strategy(currency.exponent(), RoundingStrategy::MidpointAwayFromZero)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thb() -> Currency {
        "THB".parse().unwrap()
    }

    #[test]
    fn amounts_in_requests_are_plain_decimals() {
        for good in ["1", "1.5", "1500.00", "0.01", "1000000000000", "007"] {
            assert!(parse_request_amount(good, thb()).is_ok(), "{good}");
        }
        for bad in [
            "",
            " ",
            "-1",
            "+1",
            "1e3",
            "NaN",
            "inf",
            "1,000",
            "1.",
            ".5",
            "1.2.3",
            "0x10",
            "١٢",
            "1 ",
            "0",
            "0.00",
            "1.001",
            "1000000000000.01",
            "99999999999999999999",
            "00000000000001",
            "1_0",
        ] {
            assert!(parse_request_amount(bad, thb()).is_err(), "{bad}");
        }
    }

    #[test]
    fn currencies_without_cents_take_no_decimals() {
        let jpy = "JPY".parse().unwrap();
        assert_eq!(
            parse_request_amount("100.5", jpy),
            Err(AmountError::TooManyDecimals(0))
        );
        assert!(parse_request_amount("100", jpy).is_ok());
    }

    #[test]
    fn fee_rounds_half_away_from_zero() {
        let fee = |amount: &str| {
            withdrawal_fee(
                amount.parse().unwrap(),
                "0.01".parse().unwrap(),
                Decimal::ZERO,
                thb(),
            )
        };
        assert_eq!(fee("0.50"), "0.01".parse().unwrap());
        assert_eq!(fee("0.49"), "0.00".parse().unwrap());
        assert_eq!(fee("1500.00"), "15.00".parse().unwrap());
    }

    #[test]
    fn storable_is_what_the_columns_hold_exactly() {
        for (value, storable) in [
            ("0.0001", true),
            ("-1.23450000", true),
            ("9999999999999999.9999", true),
            ("0.00001", false),
            ("10000000000000000", false),
            ("-10000000000000000", false),
        ] {
            assert_eq!(is_storable(value.parse().unwrap()), storable, "{value}");
        }
    }

    #[test]
    fn money_is_shown_with_four_decimals() {
        assert_eq!(Money("1500".parse().unwrap()).to_string(), "1500.0000");
        assert_eq!(
            serde_json::to_string(&Money("0.1".parse().unwrap())).unwrap(),
            "\"0.1000\""
        );
    }

    #[test]
    fn money_is_sent_as_it_is_shown() {
        let same = |value: Decimal| {
            let sent = serde_json::to_string(&Money(value)).unwrap();
            assert_eq!(sent, format!("\"{}\"", Money(value)), "{value}");
        };
        for units in [0, 1, 9, 10, 9_999, 10_000, 10_001, i64::MAX] {
            same(Decimal::new(units, SCALE));
        }
        // Every number of digits, of both signs, with and without a rest to be rounded.
        let mut units: i128 = 1;
        while units < 10_i128.pow(27) {
            for near in [units - 1, units, units * 7 + 3] {
                for scale in 0..=8 {
                    same(Decimal::from_i128_with_scale(near, scale));
                    let below_zero = Decimal::from_i128_with_scale(-near, scale);
                    if !below_zero.round_dp(SCALE).is_zero() {
                        same(below_zero);
                    }
                }
            }
            units *= 10;
        }
        same(Decimal::MAX);
        same(Decimal::MIN);
        let nothing = Money("-0.00004".parse().unwrap());
        assert_eq!(serde_json::to_string(&nothing).unwrap(), "\"0.0000\"");
    }
}
