//! Legacy rows for demo data and tests. **Fixture only**: new writes never use this form
//! (P-133).

use super::cbc_legacy;
use crate::secret::{AesIv, AesKey};

/// The text an old release stored for `plain`: AES-256-CBC under the static IV.
#[must_use]
pub fn encrypt_cbc(key: &AesKey, iv: &AesIv, plain: &str) -> String {
    cbc_legacy::seal(key, iv, plain)
}
