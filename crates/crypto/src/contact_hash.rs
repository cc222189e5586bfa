//! What logs and audit rows carry in place of a phone or e-mail (P-193, P-200, Q-21).

use crate::mac::{hmac_sha256, sha256};
use std::fmt;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// Makes [`ContactHash`]es: plain SHA-256, or HMAC-SHA-256 when `CONTACT_HASH_PEPPER` is set,
/// because a plain hash of a phone number can be guessed.
#[derive(Clone, Default)]
pub struct ContactHasher {
    pepper: Option<Zeroizing<Vec<u8>>>,
}

impl ContactHasher {
    /// An empty pepper is no pepper.
    #[must_use]
    pub fn new(pepper: Option<&str>) -> Self {
        let pepper = pepper.filter(|p| !p.is_empty());
        Self {
            pepper: pepper.map(|p| Zeroizing::new(p.as_bytes().to_vec())),
        }
    }

    /// Hashes a contact in its canonical form (E.164 phone, lower-case e-mail).
    #[must_use]
    pub fn hash(&self, normalised: &str) -> ContactHash {
        let digest = match &self.pepper {
            Some(pepper) => hmac_sha256(pepper, &[normalised.as_bytes()]),
            None => sha256(&[normalised.as_bytes()]),
        };
        ContactHash(hex::encode(digest))
    }
}

impl fmt::Debug for ContactHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ContactHasher")
            .field("peppered", &self.pepper.is_some())
            .finish()
    }
}

/// Hash of a contact. `Display` and `Debug` print `contact_hash=<8 hex>` and nothing more,
/// which is all that may be logged (P-200, P-211).
#[derive(Clone, PartialEq, Eq)]
pub struct ContactHash(String);

impl ContactHash {
    /// All 64 hex digits, for `recovery_audit.contact_hash` only (P-193).
    #[must_use]
    pub fn as_hex(&self) -> &str {
        &self.0
    }

    /// The first eight hex digits (P-200).
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..8]
    }
}

impl fmt::Display for ContactHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "contact_hash={}", self.short())
    }
}

impl fmt::Debug for ContactHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// SHA-256 of a client address as 64 hex digits, for rows of the recovery audit (P-194). An IPv4
/// address mapped into IPv6 hashes like the IPv4 address it is.
#[must_use]
pub fn source_ip_hash(address: IpAddr) -> String {
    hex::encode(sha256(&[address.to_canonical().to_string().as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = "+66812345678";

    /// Expected value from `printf '+66812345678' | sha256sum`.
    #[test]
    fn p193_hash_is_plain_sha256_hex_of_the_contact() {
        let hash = ContactHasher::new(None).hash(PHONE);
        assert_eq!(
            hash.as_hex(),
            "7fc93a279e8accbc8e77df576f2f1806df2b9cbff068711f3de71108184e6bb2"
        );
    }

    #[test]
    fn p200_p211_only_eight_hex_digits_are_shown() {
        let hash = ContactHasher::new(None).hash(PHONE);
        let expected = format!("contact_hash={}", &hash.as_hex()[..8]);
        assert_eq!(hash.to_string(), expected);
        assert_eq!(format!("{hash:?}"), expected);
        assert_eq!(hash.short().len(), 8);
    }

    #[test]
    fn q21_pepper_changes_the_hash_and_stays_hidden() {
        let plain = ContactHasher::new(None).hash(PHONE);
        assert_eq!(ContactHasher::new(Some("")).hash(PHONE), plain);
        let hasher = ContactHasher::new(Some("pepper"));
        assert_ne!(hasher.hash(PHONE), plain);
        assert_eq!(hasher.hash(PHONE), hasher.clone().hash(PHONE));
        assert_eq!(format!("{hasher:?}"), "ContactHasher { peppered: true }");
    }

    /// Expected value from `printf '192.0.2.1' | sha256sum`.
    #[test]
    fn p194_source_address_is_hashed() {
        let expected = "37fcff24bf62035b2b08020afc08b4fecd4fcffce57ab23518e3561ff0fe76b9";
        assert_eq!(source_ip_hash("192.0.2.1".parse().unwrap()), expected);
        assert_eq!(
            source_ip_hash("::ffff:192.0.2.1".parse().unwrap()),
            expected
        );
    }
}
