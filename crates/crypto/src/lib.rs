//! All cryptography of the portal: keys, personal data at rest, passwords, one-time codes
//! and tokens. No I/O; the only asynchronous part is the bounded password pool.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`secret`] | the AES key and IV as configured, constant-time comparison |
//! | [`derived`] | sub-keys of `SECRET_KEY`: refresh tokens, codes, blind index, limits (Q-10) |
//! | [`pii`] | `aesgcm:v1:` writes, legacy CBC reads (P-130 to P-146, Q-75, Q-89) |
//! | [`contact_hash`] | what logs and audit rows carry instead of a contact (P-200, Q-21) |
//! | [`otp`] | six-digit codes (P-221) |
//! | [`random`] | the one source of randomness |
//! | [`password`] | Argon2id off the async threads, legacy SHA-256 reads (Q-22) |
//! | [`jwt`] | RS256 tokens, key set, JWKS (Q-10, Q-66, Q-91) |
//!
//! # Rules kept here
//! - A type that holds a secret has no `Debug`, or one that prints no content; errors never
//!   carry the value that caused them (P-145).
//! - Time is an argument, never read from the system.
//! - Comparison of secrets takes constant time; decryption failures are one opaque answer.
//! - Metrics are reported through [`PiiObserver`], so that this crate knows no registry.

pub mod contact_hash;
pub mod derived;
pub mod jwt;
mod mac;
mod observer;
pub mod otp;
pub mod password;
pub mod pii;
pub mod random;
pub mod secret;

pub use contact_hash::{ContactHash, ContactHasher};
pub use derived::{BlindIndexKind, DerivedKeys, RootKey, RootKeyError};
pub use jwt::{
    AccessClaims, KeyError, RecoveryClaims, SignError, SigningKeys, TokenError, TokenType,
    install_provider,
};
pub use observer::{LegacyShape, NoObserver, PiiObserver, PiiOp};
pub use otp::OneTimeCode;
pub use password::{
    Argon2Cost, GuardedError, PasswordCheck, PasswordConfigError, PasswordError, PasswordPipeline,
    PasswordSettings,
};
pub use pii::{PiiCipher, PiiColumn, PiiError, PiiSettings};
pub use random::OpaqueToken;
pub use secret::{AesIv, AesKey, KeyShapeError, constant_time_eq};
