//! One-time codes sent by SMS (P-221).

use crate::random;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

const DIGITS: usize = 6;
const CODES: u32 = 1_000_000;

/// A six-digit code. It has no `Debug`: what may be logged is nothing of it (P-199).
#[derive(Clone)]
pub struct OneTimeCode(Zeroizing<String>);

impl OneTimeCode {
    /// A new code, each of the million equally likely, leading zeros kept.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(format!(
            "{:0width$}",
            random::below(CODES),
            width = DIGITS
        )))
    }

    /// Reads what a client typed: exactly six ASCII digits, else `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let valid = text.len() == DIGITS && text.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The digits: for the text of the message and for hashing
    /// ([`crate::DerivedKeys::one_time_code_hash`]).
    #[must_use]
    pub fn expose_digits(&self) -> &str {
        &self.0
    }
}

/// Whether a stored code hash equals the hash of what was given, in constant time. A stored
/// value of another length is no match.
#[must_use]
pub fn code_hash_matches(stored: &[u8], given: &[u8; 32]) -> bool {
    stored.ct_eq(given).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p221_codes_are_six_digits_with_leading_zeros() {
        let codes: Vec<OneTimeCode> = (0..2000).map(|_| OneTimeCode::generate()).collect();
        assert!(
            codes
                .iter()
                .all(|c| OneTimeCode::parse(c.expose_digits()).is_some())
        );
        // One in ten starts with zero: that 2000 codes hold none has a chance of 10^-91.
        assert!(codes.iter().any(|c| c.expose_digits().starts_with('0')));
    }

    /// Pearson's chi-squared over 100 buckets and 100 000 draws: 99 degrees of freedom, so
    /// that a value above 200 has a chance below 10^-8 with a fair generator.
    #[test]
    fn p221_codes_are_uniform() {
        const DRAWS: u32 = 100_000;
        let mut buckets = [0_u32; 100];
        for _ in 0..DRAWS {
            let code: usize = OneTimeCode::generate().expose_digits().parse().unwrap();
            buckets[code / 10_000] += 1;
        }
        let expected = f64::from(DRAWS) / 100.0;
        let chi_squared: f64 = buckets
            .iter()
            .map(|&n| (f64::from(n) - expected).powi(2) / expected)
            .sum();
        assert!(chi_squared < 200.0, "chi squared {chi_squared}");
    }

    #[test]
    fn p221_only_six_ascii_digits_are_a_code() {
        assert_eq!(
            OneTimeCode::parse("001234").unwrap().expose_digits(),
            "001234"
        );
        for text in [
            "",
            "12345",
            "1234567",
            "12345a",
            " 12345",
            "+12345",
            "-12345",
            "١٢٣٤٥٦",
            "１２",
        ] {
            assert!(OneTimeCode::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn p221_hashes_match_only_when_equal() {
        let hash = [7u8; 32];
        assert!(code_hash_matches(&[7u8; 32], &hash));
        assert!(!code_hash_matches(&[8u8; 32], &hash));
        assert!(!code_hash_matches(&[7u8; 31], &hash));
        assert!(!code_hash_matches(&[], &hash));
    }
}
