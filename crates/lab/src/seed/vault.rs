//! Passwords and personal data in the forms that a database holds, under the keys of the service.

use std::sync::Arc;

use agent_config::ApiSettings;
use agent_crypto::{
    AesIv, AesKey, Argon2Cost, BlindIndexKind, DerivedKeys, NoObserver, PasswordPipeline,
    PasswordSettings, PiiCipher, PiiColumn, PiiSettings, pii::legacy_fixture,
};
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use zeroize::Zeroizing;

use super::{
    logins::PASSWORD,
    world::{PasswordForm, Storage},
};

pub(super) struct Vault {
    pii: PiiCipher,
    aes_key: AesKey,
    aes_iv: AesIv,
    keys: DerivedKeys,
    salt: Zeroizing<Vec<u8>>,
    passwords: PasswordPipeline,
    shared_hash: String,
}

/// A value as a column holds it, and its blind index.
#[derive(Default)]
pub(super) struct Sealed {
    pub(super) stored: Option<String>,
    pub(super) bidx: Option<Vec<u8>>,
}

impl Vault {
    /// The service must be able to read what is written here, so there is no way without its keys.
    pub(super) async fn open(settings: &ApiSettings) -> anyhow::Result<Self> {
        let keys = &settings.keys;
        let missing = |name| {
            move || format!("demo data is written under the keys of the service: set {name}")
        };
        let root = keys
            .secret_key
            .as_ref()
            .with_context(missing("SECRET_KEY"))?;
        let aes_key = keys.aes_key.clone().with_context(missing("AES_KEY"))?;
        let aes_iv = keys.aes_iv.clone().with_context(missing("AES_IV"))?;
        let salt = keys
            .password_salt
            .as_ref()
            .with_context(missing("PASSWORD_SALT"))?;
        let salt = Zeroizing::new(salt.expose_secret().as_bytes().to_vec());
        let pii = PiiSettings {
            key: Some(aes_key.clone()),
            iv: Some(aes_iv.clone()),
            ..PiiSettings::default()
        };
        let hashing = &settings.hashing;
        let cost = Argon2Cost {
            memory_kib: hashing.memory_kib,
            iterations: hashing.passes,
            ..Argon2Cost::default()
        };
        let passwords = PasswordSettings {
            salt: salt.clone(),
            cost,
            workers: hashing.workers,
            queue: hashing.queue,
        };
        let passwords = PasswordPipeline::new(passwords, Arc::new(NoObserver))?;
        Ok(Self {
            pii: PiiCipher::new(pii, Arc::new(NoObserver)),
            keys: DerivedKeys::new(root, keys.blind_index_key.as_ref()),
            shared_hash: passwords.hash(PASSWORD).await?,
            aes_key,
            aes_iv,
            salt,
            passwords,
        })
    }

    /// The demo password as `agent.password_hash` holds it.
    pub(super) async fn password(&self, form: PasswordForm) -> anyhow::Result<String> {
        Ok(match form {
            PasswordForm::Argon2 => self.passwords.hash(PASSWORD).await?,
            PasswordForm::SharedArgon2 => self.shared_hash.clone(),
            PasswordForm::LegacySha256 => {
                PasswordPipeline::legacy_hash_for_fixture(&self.salt, PASSWORD)
            }
        })
    }

    pub(super) async fn payout_password(
        &self,
        plain: Option<&str>,
    ) -> anyhow::Result<Option<String>> {
        match plain {
            Some(plain) => Ok(Some(self.passwords.hash(plain).await?)),
            None => Ok(None),
        }
    }

    /// `plain` must be in canonical form: E.164, digits, lower case.
    pub(super) fn seal(
        &self,
        column: PiiColumn,
        storage: Storage,
        plain: Option<&str>,
    ) -> anyhow::Result<Sealed> {
        let Some(plain) = plain else {
            return Ok(Sealed::default());
        };
        Ok(match storage {
            Storage::Current => Sealed {
                stored: Some(self.pii.encrypt(column, plain)?),
                bidx: Some(self.keys.blind_index(kind(column), plain).to_vec()),
            },
            Storage::Legacy => Sealed {
                stored: Some(legacy_fixture::encrypt_cbc(
                    &self.aes_key,
                    &self.aes_iv,
                    plain,
                )),
                bidx: None,
            },
        })
    }
}

fn kind(column: PiiColumn) -> BlindIndexKind {
    match column {
        PiiColumn::Phone => BlindIndexKind::Phone,
        PiiColumn::CardNumber => BlindIndexKind::CardNumber,
        PiiColumn::HolderName => BlindIndexKind::HolderName,
        PiiColumn::Email => BlindIndexKind::Email,
    }
}
