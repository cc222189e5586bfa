//! Keys derived from `SECRET_KEY`, one for each purpose.

use crate::mac::{hkdf_expand, hkdf_extract, hmac_sha256, hmac_sha256_framed};
use crate::random;
use std::fmt;
use std::str::FromStr;
use zeroize::Zeroizing;

/// Distinguishes our derivation from any other use of the same `SECRET_KEY`.
const EXTRACT_SALT: &[u8] = b"agent_service";

/// Bytes of an HMAC that a Redis key carries: 128 bits are beyond guessing and collisions.
const LIMIT_KEY_BYTES: usize = 16;

/// `SECRET_KEY` or `BLIND_INDEX_KEY`: the root other keys are derived from with HKDF-SHA-256.
#[derive(Clone)]
pub struct RootKey(Zeroizing<[u8; 32]>);

/// The text is too short to be a root key. Never holds the text (P-145).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have at least {} characters", RootKey::MIN_CHARS)]
pub struct RootKeyError;

impl RootKey {
    /// Shortest accepted text, in characters.
    pub const MIN_CHARS: usize = 16;

    /// A root of this process only: outside production a missing `SECRET_KEY` is replaced by
    /// it, and nothing hashed under it survives a restart.
    #[must_use]
    pub fn generate() -> Self {
        let mut bytes = Zeroizing::new([0u8; 32]);
        random::fill(bytes.as_mut_slice());
        Self(bytes)
    }

    /// The sub-key of `label` (RFC 5869 `info`).
    fn derive(&self, label: &str) -> Zeroizing<[u8; 32]> {
        hkdf_expand(&self.0, label.as_bytes())
    }
}

impl FromStr for RootKey {
    type Err = RootKeyError;

    fn from_str(text: &str) -> Result<Self, RootKeyError> {
        if text.chars().count() < Self::MIN_CHARS {
            return Err(RootKeyError);
        }
        Ok(Self(hkdf_extract(EXTRACT_SALT, text.as_bytes())))
    }
}

impl fmt::Debug for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootKey(redacted)")
    }
}

/// What a blind index stands for. The labels are part of stored data: never change them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlindIndexKind {
    Phone,
    CardNumber,
    HolderName,
    Email,
}

impl BlindIndexKind {
    const fn label(self) -> &'static str {
        match self {
            Self::Phone => "phone",
            Self::CardNumber => "card-number",
            Self::HolderName => "holder-name",
            Self::Email => "email",
        }
    }
}

/// HMAC-SHA-256 under one sub-key for each purpose, so that a hash of one kind is never
/// valid as another.
pub struct DerivedKeys {
    root: RootKey,
    blind_index: Zeroizing<[u8; 32]>,
    one_time_code: Zeroizing<[u8; 32]>,
    refresh_token: Zeroizing<[u8; 32]>,
    idempotency: Zeroizing<[u8; 32]>,
}

impl DerivedKeys {
    /// `blind_index` is `BLIND_INDEX_KEY`, when it is given apart so that `SECRET_KEY` can be
    /// rotated without rebuilding the index.
    #[must_use]
    pub fn new(root: &RootKey, blind_index: Option<&RootKey>) -> Self {
        Self {
            root: root.clone(),
            blind_index: blind_index.unwrap_or(root).derive("blind-index"),
            one_time_code: root.derive("one-time-code"),
            refresh_token: root.derive("refresh-token"),
            idempotency: root.derive("idempotency"),
        }
    }

    /// What is stored of a refresh token: give the 32 bytes, not their text.
    #[must_use]
    pub fn refresh_token_hash(&self, token: &[u8]) -> [u8; 32] {
        hmac_sha256(&*self.refresh_token, &[token])
    }

    /// What is stored of a one-time code. `context` binds it to all it is good for (agent,
    /// brand, purpose, and the new value of an edit): another context is another hash.
    #[must_use]
    pub fn one_time_code_hash(&self, context: &str, code: &str) -> [u8; 32] {
        hmac_sha256_framed(&*self.one_time_code, &[context.as_bytes(), code.as_bytes()])
    }

    /// Equality index over an encrypted column. `normalised` must be the canonical form
    /// (E.164 phone, digits of a card), or equal values do not meet.
    #[must_use]
    pub fn blind_index(&self, kind: BlindIndexKind, normalised: &str) -> [u8; 32] {
        let parts = [kind.label().as_bytes(), normalised.as_bytes()];
        hmac_sha256_framed(&*self.blind_index, &parts)
    }

    /// What Redis keys carry in place of a user name, address or contact: 32 hex digits.
    /// Each `kind` (`username-limit`, `source-address`, …) has a sub-key of its own.
    #[must_use]
    pub fn limit_key(&self, kind: &str, value: &str) -> String {
        hex::encode(&self.limit_digest(kind, value)[..LIMIT_KEY_BYTES])
    }

    /// As [`Self::limit_key`], whole and as bytes.
    #[must_use]
    pub fn limit_digest(&self, kind: &str, value: &str) -> [u8; 32] {
        let key = self.root.derive(&format!("limit/{kind}"));
        hmac_sha256(&*key, &[value.as_bytes()])
    }

    /// Fingerprint of a request body, to tell a replay from another request under the same
    /// idempotency key.
    #[must_use]
    pub fn request_hash(&self, body: &[u8]) -> [u8; 32] {
        hmac_sha256(&*self.idempotency, &[body])
    }
}

impl fmt::Debug for DerivedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKeys(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a secret of sufficient length";

    fn keys(secret: &str) -> DerivedKeys {
        DerivedKeys::new(&secret.parse().unwrap(), None)
    }

    #[test]
    fn q10_short_secret_is_refused_without_echo() {
        assert_eq!(
            "fifteen chars..".parse::<RootKey>().unwrap_err(),
            RootKeyError
        );
        assert!("sixteen chars...".parse::<RootKey>().is_ok());
        let shown = format!("{} {:?}", RootKeyError, SECRET.parse::<RootKey>().unwrap());
        assert!(shown.contains("16 characters") && !shown.contains("sufficient"));
    }

    #[test]
    fn q10_each_purpose_has_a_key_of_its_own() {
        let keys = keys(SECRET);
        let same_input = [
            keys.refresh_token_hash(b"x"),
            keys.request_hash(b"x"),
            keys.one_time_code_hash("", "x"),
            keys.blind_index(BlindIndexKind::Phone, "x"),
            keys.blind_index(BlindIndexKind::Email, "x"),
        ];
        for (i, a) in same_input.iter().enumerate() {
            for b in &same_input[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_ne!(
            keys.limit_key("username-limit", "x"),
            keys.limit_key("source-address", "x")
        );
    }

    /// Stored indexes and hashes depend on the derivation: a change of these bytes is a
    /// change of format. The expected values were computed apart, from RFC 5869 and RFC 2104.
    #[test]
    fn q10_derivation_is_stable() {
        let keys = keys(SECRET);
        assert_eq!(
            hex::encode(keys.blind_index(BlindIndexKind::Phone, "+66812345678")),
            "f81e32411c9391b04639d23e90f9e51df40474228d92b04a15dd2ce8a4bc7338"
        );
        assert_eq!(
            hex::encode(keys.refresh_token_hash(b"token")),
            "53ab849e2636a7ea8b8cecfae74a5cb813f8bb4026a7a1ca7cd5653907bb76ca"
        );
    }

    #[test]
    fn q10_blind_index_key_may_be_given_apart() {
        let root: RootKey = SECRET.parse().unwrap();
        let other: RootKey = "another root of good length".parse().unwrap();
        let apart = DerivedKeys::new(&root, Some(&other));
        let together = DerivedKeys::new(&root, None);
        let kind = BlindIndexKind::CardNumber;
        assert_ne!(
            apart.blind_index(kind, "1"),
            together.blind_index(kind, "1")
        );
        assert_eq!(
            apart.blind_index(kind, "1"),
            DerivedKeys::new(&other, None).blind_index(kind, "1")
        );
        assert_eq!(
            apart.refresh_token_hash(b"t"),
            together.refresh_token_hash(b"t")
        );
    }

    #[test]
    fn one_time_code_is_bound_to_its_context() {
        let keys = keys(SECRET);
        let hash = keys.one_time_code_hash("edit-phone/7/1/+66", "012345");
        assert_ne!(
            hash,
            keys.one_time_code_hash("edit-phone/8/1/+66", "012345")
        );
        assert_ne!(
            hash,
            keys.one_time_code_hash("edit-phone/7/1/+660", "12345")
        );
    }

    #[test]
    fn limit_key_is_short_hex_and_hides_the_value() {
        let key = keys(SECRET).limit_key("username-limit", "somebody");
        assert_eq!(key.len(), 32);
        assert!(key.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(
            key,
            keys("another secret of good length").limit_key("username-limit", "somebody")
        );
    }

    #[test]
    fn generated_roots_differ() {
        let (a, b) = (RootKey::generate(), RootKey::generate());
        assert_ne!(a.derive("x"), b.derive("x"));
    }
}
