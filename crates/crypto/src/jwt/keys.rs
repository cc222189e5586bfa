//! The signing key in use and the set of keys that verify.

use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use std::fmt;

use super::jwks::{self, RsaPublic};
use super::{install_provider, pem};

/// Clock difference between instances that is tolerated, in seconds.
const DEFAULT_LEEWAY_SECONDS: u32 = 5;

const MAX_KID_LENGTH: usize = 128;

/// Why a configured key is refused. Never holds any part of the key (P-145).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("key is neither well-formed PEM nor JWKS")]
    Malformed,
    #[error("key is not an unencrypted private key in PEM (PKCS#8 or PKCS#1)")]
    NotPrivate,
    #[error("set of public keys holds something else than public keys")]
    NotPublic,
    #[error("key is not an RSA key for RS256 signatures")]
    NotRs256,
    #[error("RSA key is smaller than 2048 bits")]
    TooSmall,
    #[error("RSA key is inconsistent, or not between 2048 and 8192 bits")]
    Rejected,
    #[error("kid must have 1 to {MAX_KID_LENGTH} visible ASCII characters")]
    BadKid,
    #[error("two different keys have the same kid")]
    DuplicateKid,
    #[error("RSA key could not be generated")]
    Generation,
}

pub(super) struct VerificationKey {
    kid: String,
    public: RsaPublic,
    pub(super) decoding: DecodingKey,
}

/// Signs with one key, verifies with that and every previous one.
pub struct SigningKeys {
    pub(super) encoding: EncodingKey,
    /// The active key first, then the previous ones as configured. Never empty.
    verifying: Vec<VerificationKey>,
    pub(super) leeway_seconds: i64,
}

impl SigningKeys {
    /// - `private_pem`: `JWT_PRIVATE_KEY`, RSA of 2048 bits or more, PKCS#8 or PKCS#1; `\n`
    ///   may be escaped.
    /// - `kid`: `JWT_KID`; `None` or empty is the RFC 7638 thumbprint (P-111).
    /// - `previous_public`: `JWT_PREVIOUS_PUBLIC_KEYS`, PEM blocks one after the other or a
    ///   JWKS document; a key without `kid` goes by its thumbprint. Empty is none.
    ///
    /// # Errors
    /// [`KeyError`]; none is skipped silently.
    pub fn from_pem(
        private_pem: &str,
        kid: Option<&str>,
        previous_public: &str,
    ) -> Result<Self, KeyError> {
        install_provider();
        let (encoding, public) = pem::parse_private(private_pem)?;
        let kid = kid.filter(|kid| !kid.is_empty()).map(str::to_owned);
        let mut verifying = vec![verification_key(kid, public)?];
        for (kid, public) in parse_previous(previous_public)? {
            add(&mut verifying, verification_key(kid, public)?)?;
        }
        Ok(Self {
            encoding,
            verifying,
            leeway_seconds: i64::from(DEFAULT_LEEWAY_SECONDS),
        })
    }

    /// A key of this process only, for non-production: tokens die with it.
    ///
    /// # Errors
    /// [`KeyError::Generation`].
    pub fn generate_ephemeral() -> Result<Self, KeyError> {
        Self::from_pem(&pem::generate_private_pem()?, None, "")
    }

    /// Replaces the tolerated clock difference (5 s).
    #[must_use]
    pub fn with_leeway_seconds(mut self, seconds: u32) -> Self {
        self.leeway_seconds = i64::from(seconds);
        self
    }

    /// The `kid` in the header of every token issued (P-111).
    #[must_use]
    pub fn active_kid(&self) -> &str {
        // The constructor puts the active key first.
        self.verifying.first().map_or("", |key| &key.kid)
    }

    /// The JWK set of all verifying keys, public members only (RFC 7517 section 5).
    #[must_use]
    pub fn jwks(&self) -> Value {
        let keys: Vec<Value> = self
            .verifying
            .iter()
            .map(|key| key.public.to_jwk(&key.kid))
            .collect();
        json!({ "keys": keys })
    }

    pub(super) fn find(&self, kid: &str) -> Option<&VerificationKey> {
        self.verifying.iter().find(|key| key.kid == kid)
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kids: Vec<&str> = self.verifying.iter().map(|key| key.kid.as_str()).collect();
        f.debug_struct("SigningKeys")
            .field("kids", &kids)
            .finish_non_exhaustive()
    }
}

fn parse_previous(text: &str) -> Result<Vec<(Option<String>, RsaPublic)>, KeyError> {
    if text.trim_start().starts_with('{') {
        return jwks::parse_jwks(text);
    }
    Ok(pem::parse_public(text)?
        .into_iter()
        .map(|public| (None, public))
        .collect())
}

fn verification_key(kid: Option<String>, public: RsaPublic) -> Result<VerificationKey, KeyError> {
    let kid = kid.unwrap_or_else(|| public.thumbprint());
    let visible = kid.bytes().all(|b| b.is_ascii_graphic());
    if kid.is_empty() || kid.len() > MAX_KID_LENGTH || !visible {
        return Err(KeyError::BadKid);
    }
    let decoding =
        DecodingKey::from_rsa_components(&public.n, &public.e).map_err(|_| KeyError::Malformed)?;
    Ok(VerificationKey {
        kid,
        public,
        decoding,
    })
}

/// The same key under the same `kid` may be listed twice (a rotation in progress does); two
/// keys under one `kid` would make verification depend on their order.
fn add(keys: &mut Vec<VerificationKey>, key: VerificationKey) -> Result<(), KeyError> {
    match keys.iter().find(|known| known.kid == key.kid) {
        None => keys.push(key),
        Some(known) if known.public == key.public => {}
        Some(_) => return Err(KeyError::DuplicateKid),
    }
    Ok(())
}
