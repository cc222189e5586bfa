//! Personal data at rest: one authenticated form for writing, three old shapes for reading.
//!
//! | Stored value | Read as (Q-89) |
//! |---|---|
//! | starts with `aesgcm:v1:` | the plain text, or an error; never anything else (P-142, P-143) |
//! | base64 of whole 16-byte blocks | legacy CBC if padding, UTF-8 and characters are right; else an error, or without `AES_STRICT_DECRYPT` the stored text if it is itself a number (P-146) |
//! | anything else | legacy plain text if the column can hold it; else an error |

mod cbc_legacy;
mod column;
mod gcm_v1;
pub mod legacy_fixture;
#[cfg(test)]
mod tests;

use aes_gcm::Aes256Gcm;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

pub use column::PiiColumn;
pub use gcm_v1::PREFIX;

use crate::observer::{LegacyShape, PiiObserver, PiiOp};
use crate::random;
use crate::secret::{AesIv, AesKey};

/// What the cipher works with; from `AES_KEY`, `AES_IV`, `AES_STRICT_DECRYPT` and the
/// environment discriminators.
#[derive(Debug, Clone, Default)]
pub struct PiiSettings {
    /// Without it nothing is encrypted; in production that is an error (P-135, P-141).
    pub key: Option<AesKey>,
    /// Only for reading legacy rows (P-105).
    pub iv: Option<AesIv>,
    /// No plain-text reading of values shaped like CBC (P-146).
    pub strict_decrypt: bool,
    /// Whether this is a production-grade environment.
    pub production: bool,
}

/// Why a field could not be written or read. Never holds any part of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PiiError {
    /// `AES_KEY` or `AES_IV` is missing and cannot be done without.
    #[error("AES_KEY or AES_IV is not configured")]
    Unconfigured,
    /// An `aesgcm:v1:` value that is not authentic: tampered, truncated, or of another key
    /// (P-142).
    #[error("stored value fails authentication")]
    Unauthentic,
    /// A legacy value that cannot be believed; deliberately without a reason.
    #[error("stored value is unreadable")]
    Unreadable,
    /// The value is too long to be encrypted (64 GiB).
    #[error("value cannot be encrypted")]
    TooLong,
}

/// Encrypts and decrypts personal-data columns.
pub struct PiiCipher {
    settings: PiiSettings,
    gcm: Option<Box<Aes256Gcm>>,
    observer: Arc<dyn PiiObserver>,
}

impl PiiCipher {
    #[must_use]
    pub fn new(settings: PiiSettings, observer: Arc<dyn PiiObserver>) -> Self {
        let gcm = settings
            .key
            .as_ref()
            .map(|key| Box::new(gcm_v1::cipher(key)));
        Self {
            settings,
            gcm,
            observer,
        }
    }

    /// The text to store for `plain`: `aesgcm:v1:` with a fresh random nonce (P-131, P-132).
    /// Outside production and without a key it is `plain` itself, counted and warned of
    /// (P-141).
    ///
    /// # Errors
    /// [`PiiError::Unconfigured`] in production without a key (P-135); [`PiiError::TooLong`].
    pub fn encrypt(&self, _column: PiiColumn, plain: &str) -> Result<String, PiiError> {
        let Some(gcm) = &self.gcm else {
            self.unconfigured(PiiOp::Encrypt)?;
            return Ok(plain.to_owned());
        };
        let mut nonce = [0; gcm_v1::NONCE_BYTES];
        random::fill(&mut nonce);
        let stored = gcm_v1::seal(gcm, nonce, plain).ok_or(PiiError::TooLong)?;
        self.observer.encrypted();
        Ok(stored)
    }

    /// The plain text of a stored value, by the table in the module documentation.
    ///
    /// # Errors
    /// [`PiiError::Unauthentic`] for a bad `aesgcm:v1:` value, [`PiiError::Unreadable`] for
    /// any other, [`PiiError::Unconfigured`] when the key that is needed is missing. A list
    /// shows such a row without the field; it does not fail.
    pub fn decrypt(&self, column: PiiColumn, stored: &str) -> Result<Zeroizing<String>, PiiError> {
        let encoded = stored.strip_prefix(PREFIX);
        let Some(gcm) = &self.gcm else {
            self.unconfigured(PiiOp::Decrypt)?;
            return match encoded {
                Some(_) => Err(PiiError::Unconfigured),
                None => self.decrypt_legacy(column, stored),
            };
        };
        match encoded {
            Some(encoded) => gcm_v1::open(gcm, encoded).ok_or(PiiError::Unauthentic),
            None => self.decrypt_legacy(column, stored),
        }
    }

    /// The deterministic legacy form of `plain`, to find an old row that has no blind index
    /// yet. For comparison only: never store it (P-133). `None` without key or IV.
    #[must_use]
    pub fn legacy_cbc_form(&self, plain: &str) -> Option<String> {
        let (key, iv) = self.legacy_keys()?;
        Some(cbc_legacy::seal(key, iv, plain))
    }

    /// Whether a stored value already has the current form, so that a backfill skips it.
    #[must_use]
    pub fn is_current_form(stored: &str) -> bool {
        stored.starts_with(PREFIX)
    }

    fn decrypt_legacy(
        &self,
        column: PiiColumn,
        stored: &str,
    ) -> Result<Zeroizing<String>, PiiError> {
        let Some(ciphertext) = cbc_legacy::ciphertext(stored) else {
            let believed = column.is_legacy_plain(stored);
            return self.as_plain(stored, believed, LegacyShape::Plain);
        };
        let Some((key, iv)) = self.legacy_keys() else {
            return self.decrypt_without_iv(column, stored);
        };
        match cbc_legacy::open(key, iv, ciphertext, column) {
            Some(text) => {
                self.observer.legacy_read(PiiOp::Decrypt, LegacyShape::Cbc);
                Ok(text)
            }
            None => self.decrypt_ambiguous(column, stored),
        }
    }

    /// A value shaped like CBC where the key, or `AES_IV` alone, is missing.
    fn decrypt_without_iv(
        &self,
        column: PiiColumn,
        stored: &str,
    ) -> Result<Zeroizing<String>, PiiError> {
        // Without the key it has been reported already.
        if self.gcm.is_some() {
            self.unconfigured(PiiOp::Decrypt)?;
        }
        self.decrypt_ambiguous(column, stored)
    }

    /// A value shaped like CBC that cannot be read as such (P-146).
    fn decrypt_ambiguous(
        &self,
        column: PiiColumn,
        stored: &str,
    ) -> Result<Zeroizing<String>, PiiError> {
        let believed = !self.settings.strict_decrypt && column.is_number(stored);
        self.as_plain(stored, believed, LegacyShape::Ambiguous)
    }

    fn as_plain(
        &self,
        stored: &str,
        believed: bool,
        shape: LegacyShape,
    ) -> Result<Zeroizing<String>, PiiError> {
        if !believed {
            return Err(PiiError::Unreadable);
        }
        self.observer.legacy_read(PiiOp::Decrypt, shape);
        Ok(Zeroizing::new(stored.to_owned()))
    }

    fn legacy_keys(&self) -> Option<(&AesKey, &AesIv)> {
        self.settings.key.as_ref().zip(self.settings.iv.as_ref())
    }

    /// The fallback of P-141: refused in production, else counted and warned of.
    fn unconfigured(&self, op: PiiOp) -> Result<(), PiiError> {
        if self.settings.production {
            return Err(PiiError::Unconfigured);
        }
        self.observer.unconfigured(op);
        tracing::warn!(
            op = op.as_str(),
            "AES_KEY or AES_IV is not configured: personal data is not protected"
        );
        Ok(())
    }
}

impl fmt::Debug for PiiCipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PiiCipher")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
