//! Keys of personal data, passwords and derived secrets.

use std::{fmt::Display, str::FromStr};

use agent_crypto::{
    RootKey,
    secret::{AesIv, AesKey},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    Environment, PiiKeyTexts, Variable,
    guard::{MISSING, assert_aes_pii_keys_configured},
    reader::Reader,
    variables::var,
};

/// Everything that must not leak. In a production-grade environment `secret_key`,
/// `password_salt`, `aes_key` and `aes_iv` are always there.
#[derive(Clone, Debug)]
pub struct KeySettings {
    /// Root of the derived keys (P-102, Q-10).
    pub secret_key: Option<RootKey>,
    /// Root of the blind index, if it is not derived from `secret_key`.
    pub blind_index_key: Option<RootKey>,
    /// Pepper of the password hashes (P-103).
    pub password_salt: Option<SecretString>,
    /// P-104.
    pub aes_key: Option<AesKey>,
    /// Only for reading old rows (P-105).
    pub aes_iv: Option<AesIv>,
    /// P-123, P-146.
    pub aes_strict_decrypt: bool,
    ///
    pub contact_hash_pepper: Option<SecretString>,
}

impl KeySettings {
    pub(crate) fn read(reader: &mut Reader, environment: &Environment) -> Self {
        let secret_key = reader.secret(&var::SECRET_KEY);
        if environment.is_prod_grade() && secret_key.is_none() {
            reader.fault(var::SECRET_KEY.name, MISSING);
        }
        let blind_index_key = reader.secret(&var::BLIND_INDEX_KEY);
        let password_salt = reader.secret(&var::PASSWORD_SALT);
        let aes_key = reader.secret_of_size(&var::AES_KEY, 32);
        let aes_iv = reader.secret_of_size(&var::AES_IV, 16);
        let texts = PiiKeyTexts {
            aes_key: exposed(aes_key.as_ref()),
            aes_iv: exposed(aes_iv.as_ref()),
            password_salt: exposed(password_salt.as_ref()),
        };
        // The guard names a key of the wrong size itself, but only where it looks (P-140).
        let guarded = environment.is_prod_grade();
        if let Err(misconfigured) = assert_aes_pii_keys_configured(environment, texts) {
            reader.refuse(misconfigured);
        }
        let aes_strict_decrypt = reader.switch(&var::AES_STRICT_DECRYPT);
        if guarded && !aes_strict_decrypt {
            reader.warn(&var::AES_STRICT_DECRYPT, "is off in production");
        }
        Self {
            secret_key: parsed(reader, &var::SECRET_KEY, secret_key.as_ref(), false),
            blind_index_key: parsed(
                reader,
                &var::BLIND_INDEX_KEY,
                blind_index_key.as_ref(),
                false,
            ),
            aes_key: parsed(reader, &var::AES_KEY, aes_key.as_ref(), guarded),
            aes_iv: parsed(reader, &var::AES_IV, aes_iv.as_ref(), guarded),
            password_salt,
            aes_strict_decrypt,
            contact_hash_pepper: reader.secret(&var::CONTACT_HASH_PEPPER),
        }
    }
}

fn exposed(secret: Option<&SecretString>) -> &str {
    secret.map_or("", ExposeSecret::expose_secret)
}

/// The key in its own type. A key that is no key is a fault in every environment, once.
fn parsed<K>(
    reader: &mut Reader,
    variable: &Variable,
    text: Option<&SecretString>,
    reported: bool,
) -> Option<K>
where
    K: FromStr<Err: Display>,
{
    let parsed = text?.expose_secret().parse::<K>();
    if let (Err(error), false) = (&parsed, reported) {
        reader.fault(variable.name, error.to_string());
    }
    parsed.ok()
}
