//! Tokens: RS256 and nothing else, under a set of keys (P-110, P-111).
//!
//! A token is accepted only if all of this holds: at most 4096 bytes; header `alg` exactly
//! `RS256`, `typ` of the expected type, a `kid` of the set, and no member that would bring a
//! key or an extension along; a good signature; `iss`, `aud`, `sub`, `exp`, `iat` and `jti`
//! present and right (RFC 8725, RFC 9068 section 4). Whether the session still lives is the
//! caller's question.

mod claims;
mod jwks;
mod keys;
mod pem;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, Header, Validation};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use claims::{AccessClaims, ISSUER, RecoveryClaims};
pub use keys::{KeyError, SigningKeys};
pub use pem::generate_private_pem;

use claims::Registered;

/// Our tokens are below 1 KiB; longer input is not even parsed.
const MAX_TOKEN_BYTES: usize = 4096;

/// What a token is for. Tokens of one type are never accepted as another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenType {
    /// Bearer of requests: `typ=at+jwt` (RFC 9068), `aud=agent-portal`.
    Access,
    /// Allows one password reset: `typ=recovery+jwt`, `aud=agent-recovery`.
    Recovery,
}

impl TokenType {
    const fn typ(self) -> &'static str {
        match self {
            Self::Access => "at+jwt",
            Self::Recovery => "recovery+jwt",
        }
    }

    /// The only `aud` accepted.
    #[must_use]
    pub const fn audience(self) -> &'static str {
        match self {
            Self::Access => "agent-portal",
            Self::Recovery => "agent-recovery",
        }
    }

    /// Media types are compared without case, and may leave out `application/` (RFC 7515
    /// section 4.1.9).
    fn is_typ(self, typ: &str) -> bool {
        const PREFIX: &str = "application/";
        let short = match typ.split_at_checked(PREFIX.len()) {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
            _ => typ,
        };
        short.eq_ignore_ascii_case(self.typ())
    }
}

/// Why a token is refused: all a client may learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Genuine and ours, but past `exp`.
    #[error("token has expired")]
    Expired,
    /// Anything else.
    #[error("token is invalid")]
    Invalid,
}

/// The claims are not a JSON object, or the backend could not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("token could not be signed")]
pub struct SignError;

/// Chooses the cryptographic backend of `jsonwebtoken` for the process. Safe to call any
/// number of times; [`SigningKeys`] does it too.
pub fn install_provider() {
    // An error says that one is installed already; only this backend is compiled in.
    jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER
        .install_default()
        .ok();
}

/// Names a token in a cache without keeping it.
#[must_use]
pub fn token_digest(token: &str) -> [u8; 32] {
    crate::mac::sha256(&[token.as_bytes()])
}

impl SigningKeys {
    /// A token with header `{alg: RS256, typ, kid}` and `claims` as they are.
    ///
    /// # Errors
    /// [`SignError`]; does not happen with the claims of this crate.
    pub fn sign<T: Serialize>(&self, typ: TokenType, claims: &T) -> Result<String, SignError> {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some(typ.typ().to_owned());
        header.kid = Some(self.active_kid().to_owned());
        jsonwebtoken::encode(&header, claims, &self.encoding).map_err(|_| SignError)
    }

    /// The claims of a token, if it is a genuine one of type `typ` and good at `now`.
    ///
    /// # Errors
    /// [`TokenError::Expired`] for a token right in everything but its age, else
    /// [`TokenError::Invalid`].
    pub fn verify<T: DeserializeOwned>(
        &self,
        typ: TokenType,
        token: &str,
        now: DateTime<Utc>,
    ) -> Result<T, TokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::Invalid);
        }
        let claims = self.verify_signature(typ, token)?;
        let registered = Registered::deserialize(&claims).map_err(|_| TokenError::Invalid)?;
        registered.check(typ, now, self.leeway_seconds)?;
        serde_json::from_value(claims).map_err(|_| TokenError::Invalid)
    }

    fn verify_signature(&self, typ: TokenType, token: &str) -> Result<Value, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Invalid)?;
        let right_type = header.typ.as_deref().is_some_and(|t| typ.is_typ(t));
        if header.alg != Algorithm::RS256 || !right_type || brings_along(&header) {
            return Err(TokenError::Invalid);
        }
        let key = header
            .kid
            .as_deref()
            .and_then(|kid| self.find(kid))
            .ok_or(TokenError::Invalid)?;
        // A claims set is a JSON object (RFC 7519 section 4).
        jsonwebtoken::decode::<Map<String, Value>>(token, &key.decoding, &validation(typ))
            .map(|token| Value::Object(token.claims))
            .map_err(|_| TokenError::Invalid)
    }
}

/// Whether a header names a key of its own, an extension that must be understood, or an
/// encoding of the payload: none of which our tokens have.
fn brings_along(header: &Header) -> bool {
    header.jwk.is_some()
        || header.jku.is_some()
        || header.x5u.is_some()
        || header.x5c.is_some()
        || header.x5t.is_some()
        || header.x5t_s256.is_some()
        || header.crit.is_some()
        || header.enc.is_some()
        || header.zip.is_some()
        || header.cty.is_some()
}

/// Everything that does not depend on time. Time is checked against the injected clock in
/// [`Registered::check`]; the library would use the system's.
fn validation(typ: TokenType) -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.set_issuer(&[ISSUER]);
    validation.set_audience(&[typ.audience()]);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.leeway = 0;
    validation
}
