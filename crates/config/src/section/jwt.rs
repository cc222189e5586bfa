//! Keys of the tokens that the API issues. The worker never reads this section.

use agent_crypto::{KeyError, SigningKeys};
use secrecy::{ExposeSecret, SecretString};

use crate::{Environment, guard::MISSING, reader::Reader, variables::var};

/// Keys that sign and verify tokens, as texts that `SigningKeys::from_pem` is known to accept.
#[derive(Clone, Debug)]
pub struct JwtSettings {
    /// RSA private key in PEM (P-110). `None` only outside production, where an ephemeral key
    /// takes its place.
    pub private_key: Option<SecretString>,
    /// `kid` of tokens issued now (P-111); `None` means the key's thumbprint.
    pub kid: Option<String>,
    /// Earlier public keys, whose tokens are still accepted. Checked only beside a private key.
    pub previous_public_keys: String,
}

impl JwtSettings {
    pub(crate) fn read(reader: &mut Reader, environment: &Environment) -> Self {
        let jwt = Self {
            private_key: reader.secret(&var::JWT_PRIVATE_KEY),
            kid: reader.text(&var::JWT_KID),
            previous_public_keys: reader
                .text(&var::JWT_PREVIOUS_PUBLIC_KEYS)
                .unwrap_or_default(),
        };
        match &jwt.private_key {
            Some(key) => jwt.check(reader, key.expose_secret()),
            None if environment.is_prod_grade() => {
                reader.fault(var::JWT_PRIVATE_KEY.name, MISSING);
            }
            None => {}
        }
        jwt
    }

    /// Builds the keys once, so that a bad one comes out with all other faults.
    fn check(&self, reader: &mut Reader, private_key: &str) {
        let build =
            |previous: &str| SigningKeys::from_pem(private_key, self.kid.as_deref(), previous);
        let (variable, error) = match (build(""), build(&self.previous_public_keys)) {
            (Err(error @ KeyError::BadKid), _) => (var::JWT_KID, error),
            (Err(error), _) => (var::JWT_PRIVATE_KEY, error),
            (Ok(_), Err(error)) => (var::JWT_PREVIOUS_PUBLIC_KEYS, error),
            (Ok(_), Ok(_)) => return,
        };
        reader.fault(variable.name, error.to_string());
    }
}
