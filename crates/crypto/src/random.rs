//! The one source of randomness: ChaCha seeded and reseeded by the operating system.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use rand::{Rng, RngExt};
use secrecy::SecretString;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Letters and digits without those that are mistaken for one another (0 O o, 1 l I).
const PASSWORD_ALPHABET: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Letters and digits that are told apart even when they are read aloud (no 0 O, 1 I).
const CODE_ALPHABET: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Characters of an invite code: 40 bits, so that trying them out finds none.
const INVITE_CODE_LENGTH: usize = 8;

/// 20 characters of an alphabet of 56 are 116 bits.
const INITIAL_PASSWORD_LENGTH: usize = 20;

#[expect(
    clippy::disallowed_methods,
    reason = "this module is the reviewed source itself"
)]
fn generator() -> impl rand::CryptoRng {
    rand::rng()
}

/// Fills `bytes` from the CSPRNG.
pub fn fill(bytes: &mut [u8]) {
    generator().fill_bytes(bytes);
}

/// A number in `0..bound`, each equally likely.
///
/// Draws that would make the low numbers likelier are thrown away (rejection sampling).
/// A `bound` of 0 is taken as 1.
#[must_use]
pub fn below(bound: u32) -> u32 {
    let bound = bound.max(1);
    let limit = largest_multiple(bound);
    let mut generator = generator();
    loop {
        let draw: u32 = generator.random();
        if draw < limit {
            return draw % bound;
        }
    }
}

/// The end of the draws that spread evenly over `0..bound`; `bound` is not 0.
const fn largest_multiple(bound: u32) -> u32 {
    u32::MAX - u32::MAX % bound
}

/// A random (version 4) UUID.
#[must_use]
pub fn uuid_v4() -> Uuid {
    let mut bytes = [0; 16];
    fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// A time-ordered (version 7) UUID of the given moment; times before 1970 count as 1970.
#[must_use]
pub fn uuid_v7(now: DateTime<Utc>) -> Uuid {
    let mut bytes = [0; 10];
    fill(&mut bytes);
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid()
}

/// A first password for an account made by somebody else: shown once, to be changed.
#[must_use]
pub fn initial_password() -> SecretString {
    SecretString::from(text_of(PASSWORD_ALPHABET, INITIAL_PASSWORD_LENGTH))
}

/// The code by which players name the agent who invited them.
#[must_use]
pub fn invite_code() -> String {
    text_of(CODE_ALPHABET, INVITE_CODE_LENGTH)
}

fn text_of(alphabet: &[u8], length: usize) -> String {
    let bound = u32::try_from(alphabet.len()).unwrap_or(u32::MAX);
    // With room for all of it, so that no part of a password is left behind by a move.
    let mut text = String::with_capacity(length);
    text.extend((0..length).map(|_| char::from(alphabet[below(bound) as usize])));
    text
}

/// A new opaque token of 32 random bytes.
#[must_use]
pub fn token_32() -> OpaqueToken {
    let mut bytes = Zeroizing::new([0; 32]);
    fill(bytes.as_mut_slice());
    OpaqueToken { bytes }
}

/// A bearer secret of 32 bytes, such as a refresh token. It has no `Debug`; only its hash is
/// stored ([`crate::DerivedKeys::refresh_token_hash`]).
#[derive(Clone)]
pub struct OpaqueToken {
    bytes: Zeroizing<[u8; 32]>,
}

impl OpaqueToken {
    /// Reads the text form: 43 characters of base64url. Anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // Checked before decoding, so that long input costs nothing.
        if text.len() != 43 {
            return None;
        }
        let decoded = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes: [u8; 32] = decoded.as_slice().try_into().ok()?;
        Some(Self {
            bytes: Zeroizing::new(bytes),
        })
    }

    /// The text handed to the client, once.
    #[must_use]
    pub fn expose_text(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.bytes.as_slice()))
    }

    /// The bytes to be hashed.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;
    use std::collections::HashSet;

    #[test]
    fn tokens_differ_and_round_trip() {
        let tokens: HashSet<String> = (0..100)
            .map(|_| token_32().expose_text().to_string())
            .collect();
        assert_eq!(tokens.len(), 100);
        for text in tokens {
            let token = OpaqueToken::parse(&text).unwrap();
            assert_eq!(*token.expose_text(), text);
            assert_eq!(token.as_bytes().len(), 32);
        }
    }

    #[test]
    fn malformed_tokens_are_refused() {
        let good = token_32().expose_text().to_string();
        let padded = format!("{good}=");
        let short = good[..42].to_owned();
        let spaced = format!("{} ", &good[..42]);
        // 43 characters carry 258 bits: the two spare ones must be zero, or one token would
        // have four texts.
        let loose = format!("{}B", "A".repeat(42));
        for text in ["", "x", &padded, &short, &spaced, &loose, &"é".repeat(22)] {
            assert!(OpaqueToken::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn initial_password_is_long_and_unambiguous() {
        let passwords: HashSet<String> = (0..100)
            .map(|_| initial_password().expose_secret().to_owned())
            .collect();
        assert_eq!(passwords.len(), 100);
        for password in passwords {
            assert!(password.len() >= 16);
            assert!(
                password
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() && !"0Oo1lI".contains(c))
            );
        }
    }

    #[test]
    fn invite_codes_differ_and_are_read_aloud_easily() {
        let codes: HashSet<String> = (0..100).map(|_| invite_code()).collect();
        assert_eq!(codes.len(), 100);
        for code in codes {
            assert_eq!(code.len(), INVITE_CODE_LENGTH);
            assert!(code.bytes().all(|byte| CODE_ALPHABET.contains(&byte)));
        }
    }

    #[test]
    fn below_reaches_every_number_and_no_other() {
        let seen: HashSet<u32> = (0..1000).map(|_| below(7)).collect();
        assert_eq!(seen, (0..7).collect());
        assert_eq!(below(0), 0);
        assert_eq!(below(1), 0);
    }

    #[test]
    fn p221_draws_that_would_bias_are_thrown_away() {
        for bound in [1, 2, 3, 7, 56, 1_000_000, 1 << 31, u32::MAX] {
            let limit = largest_multiple(bound);
            assert_eq!(limit % bound, 0, "bound {bound}");
            assert!(
                u32::MAX - limit < bound,
                "bound {bound} throws away too much"
            );
        }
    }

    #[test]
    fn uuids_carry_their_version_and_time() {
        assert_eq!(uuid_v4().get_version_num(), 4);
        assert_ne!(uuid_v4(), uuid_v4());
        let early = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let late = DateTime::from_timestamp(1_700_000_001, 0).unwrap();
        assert_eq!(uuid_v7(early).get_version_num(), 7);
        assert!(uuid_v7(early) < uuid_v7(late));
        let (seconds, _) = uuid_v7(early).get_timestamp().unwrap().to_unix();
        assert_eq!(seconds, 1_700_000_000);
    }
}
