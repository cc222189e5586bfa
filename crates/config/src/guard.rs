//! Guards that refuse to boot: the same checks in both binaries, run by `load` itself so that
//! nothing starts without them (P-136, P-144).

use std::fmt;

use agent_crypto::secret::{AesIv, AesKey};

use crate::{Environment, Fault, variables::var};

/// The configured texts that protect personal data and passwords; empty means unset.
#[derive(Clone, Copy)]
pub struct PiiKeyTexts<'a> {
    pub aes_key: &'a str,
    pub aes_iv: &'a str,
    pub password_salt: &'a str,
}

/// A production-grade environment lacks a key of personal data or passwords, or has one of the
/// wrong size (P-137 … P-139). Names the variables, never their values (P-145).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AesPiiKeysMisconfigured {
    pub faults: Vec<Fault>,
}

impl fmt::Display for AesPiiKeysMisconfigured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault} (AesPiiKeysMisconfigured)")?;
        }
        Ok(())
    }
}

impl std::error::Error for AesPiiKeysMisconfigured {}

/// Refuses a production-grade environment in which any of `AES_KEY`, `AES_IV`, `PASSWORD_SALT` is
/// empty, `AES_KEY` is not 32 bytes or `AES_IV` is not 16 (P-103 … P-105, P-136 … P-139, Q-07).
/// Elsewhere it does nothing (P-140).
///
/// # Errors
/// Names every variable at fault.
pub fn assert_aes_pii_keys_configured(
    environment: &Environment,
    keys: PiiKeyTexts<'_>,
) -> Result<(), AesPiiKeysMisconfigured> {
    if !environment.is_prod_grade() {
        return Ok(());
    }
    let wrong = |name: &str, text: &str, shape: Option<String>| {
        let missing = text.trim().is_empty();
        let what = if missing {
            Some(MISSING.to_owned())
        } else {
            shape
        };
        what.map(|what| Fault {
            name: name.to_owned(),
            what,
        })
    };
    let key_shape = keys.aes_key.parse::<AesKey>().err();
    let iv_shape = keys.aes_iv.parse::<AesIv>().err();
    let faults: Vec<Fault> = [
        wrong(
            var::AES_KEY.name,
            keys.aes_key,
            key_shape.map(|e| e.to_string()),
        ),
        wrong(
            var::AES_IV.name,
            keys.aes_iv,
            iv_shape.map(|e| e.to_string()),
        ),
        wrong(var::PASSWORD_SALT.name, keys.password_salt, None),
    ]
    .into_iter()
    .flatten()
    .collect();
    match faults.is_empty() {
        true => Ok(()),
        false => Err(AesPiiKeysMisconfigured { faults }),
    }
}

pub(crate) const MISSING: &str = "must be set in a production-grade environment";

/// Recovery codes would be logged in clear in a production-grade environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: must be off in a production-grade environment", var::RECOVERY_EXPOSE_TOKEN_FOR_TESTS.name)]
pub struct RecoveryTokenExposed;

/// Refuses to log recovery codes in clear in any environment of which one of the three names is
/// production-grade (P-113, P-204).
///
/// # Errors
/// The switch is on and the environment production-grade.
pub fn assert_recovery_token_exposure_safe(
    environment: &Environment,
    exposed: bool,
) -> Result<(), RecoveryTokenExposed> {
    match exposed && environment.is_prod_grade() {
        true => Err(RecoveryTokenExposed),
        false => Ok(()),
    }
}
