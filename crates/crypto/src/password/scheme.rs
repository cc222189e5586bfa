//! The hashing schemes: Argon2id with a pepper, and the legacy one that is only read.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::{Argon2Cost, PasswordConfigError};
use crate::mac::sha256;
use crate::random;

/// Above these a stored hash is not evaluated: a planted row must not stall the service.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
const MAX_ITERATIONS: u32 = 16;
const MAX_PARALLELISM: u32 = 8;

const OUTPUT_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// Longest password that is hashed, in bytes. Beyond it nothing matches: the limit on new
/// passwords is far below.
pub(super) const MAX_PASSWORD_BYTES: usize = 1024;

/// How a stored hash compares with a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    NoMatch,
    Match {
        /// Stored in the legacy form, or with less cost than configured.
        outdated: bool,
    },
    /// The stored text is of no known shape.
    UnknownShape,
}

/// The shapes a stored hash can have.
enum Stored {
    Argon2id {
        hash: Box<PasswordHash>,
        params: Params,
    },
    LegacySha256([u8; 32]),
    Unknown,
}

pub(super) struct Scheme {
    /// `PASSWORD_SALT`: the Argon2 secret input, and the prefix of legacy hashes.
    pepper: Zeroizing<Vec<u8>>,
    params: Params,
    dummy_salt: [u8; SALT_BYTES],
}

impl Scheme {
    pub(super) fn new(
        pepper: Zeroizing<Vec<u8>>,
        cost: Argon2Cost,
    ) -> Result<Self, PasswordConfigError> {
        let params = Params::new(
            cost.memory_kib,
            cost.iterations,
            cost.parallelism,
            Some(OUTPUT_BYTES),
        )
        .map_err(|_| PasswordConfigError::Cost)?;
        if !is_affordable(&params) {
            return Err(PasswordConfigError::Cost);
        }
        let mut dummy_salt = [0; SALT_BYTES];
        random::fill(&mut dummy_salt);
        Ok(Self {
            pepper,
            params,
            dummy_salt,
        })
    }

    /// A new PHC string with a random salt. `None` if Argon2 cannot get its memory.
    pub(super) fn hash(&self, password: &str) -> Option<String> {
        let mut salt = [0; SALT_BYTES];
        random::fill(&mut salt);
        let argon2 = self.argon2(self.params.clone())?;
        let hash = argon2
            .hash_password_with_salt(password.as_bytes(), &salt)
            .ok()?;
        Some(hash.to_string())
    }

    /// Compares. Whatever `stored` is, exactly one Argon2 is computed, so that time does not
    /// tell an unknown user, a legacy row or an over-long password from a wrong password.
    pub(super) fn verify(&self, stored: Option<&str>, password: &str) -> Verdict {
        if password.len() > MAX_PASSWORD_BYTES {
            self.dummy("");
            return Verdict::NoMatch;
        }
        let Some(stored) = stored else {
            self.dummy(password);
            return Verdict::NoMatch;
        };
        match parse(stored) {
            Stored::Argon2id { hash, params } => self.verify_argon2(&hash, params, password),
            Stored::LegacySha256(digest) => {
                self.dummy(password);
                let matches = legacy_digest(&self.pepper, password).ct_eq(&digest);
                verdict(matches.into(), true)
            }
            Stored::Unknown => {
                self.dummy(password);
                Verdict::UnknownShape
            }
        }
    }

    fn verify_argon2(&self, hash: &PasswordHash, params: Params, password: &str) -> Verdict {
        let outdated = self.is_outdated(&params);
        match self.recompute(hash, params, password) {
            Some(matches) => verdict(matches, outdated),
            None => Verdict::UnknownShape,
        }
    }

    /// Argon2id with the salt and cost of `hash`, compared in constant time.
    fn recompute(&self, hash: &PasswordHash, params: Params, password: &str) -> Option<bool> {
        let (salt, expected) = hash.salt.as_ref().zip(hash.hash.as_ref())?;
        let mut buffer = Zeroizing::new([0_u8; argon2::password_hash::phc::Output::MAX_LENGTH]);
        let computed = buffer.get_mut(..expected.len())?;
        self.argon2(params)?
            .hash_password_into(password.as_bytes(), salt, computed)
            .ok()?;
        Some(computed.ct_eq(expected.as_bytes()).into())
    }

    /// The work of a verification, for nothing.
    fn dummy(&self, password: &str) {
        let mut output = Zeroizing::new([0_u8; OUTPUT_BYTES]);
        if let Some(argon2) = self.argon2(self.params.clone()) {
            let done =
                argon2.hash_password_into(password.as_bytes(), &self.dummy_salt, &mut *output);
            // The result must look used, or the optimiser may leave the work out.
            std::hint::black_box((&done, &output));
        }
    }

    fn is_outdated(&self, stored: &Params) -> bool {
        stored.m_cost() < self.params.m_cost()
            || stored.t_cost() < self.params.t_cost()
            || stored.output_len() < self.params.output_len()
    }

    fn argon2(&self, params: Params) -> Option<Argon2<'_>> {
        Argon2::new_with_secret(&self.pepper, Algorithm::Argon2id, Version::V0x13, params).ok()
    }
}

fn verdict(matches: bool, outdated: bool) -> Verdict {
    if matches {
        Verdict::Match { outdated }
    } else {
        Verdict::NoMatch
    }
}

fn parse(stored: &str) -> Stored {
    if let Some(digest) = parse_legacy(stored) {
        return Stored::LegacySha256(digest);
    }
    parse_argon2id(stored).unwrap_or(Stored::Unknown)
}

fn parse_legacy(stored: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    hex::decode_to_slice(stored, &mut digest).ok()?;
    Some(digest)
}

fn parse_argon2id(stored: &str) -> Option<Stored> {
    let hash = PasswordHash::new(stored).ok()?;
    let known = hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && hash.salt.is_some()
        && hash.hash.is_some();
    let params = Params::try_from(&hash).ok()?;
    (known && is_affordable(&params)).then(|| Stored::Argon2id {
        hash: Box::new(hash),
        params,
    })
}

fn is_affordable(params: &Params) -> bool {
    params.m_cost() <= MAX_MEMORY_KIB
        && params.t_cost() <= MAX_ITERATIONS
        && params.p_cost() <= MAX_PARALLELISM
}

/// The legacy rule [assumed, Q-22]: SHA-256 of `PASSWORD_SALT` followed by the password.
/// Should the real one differ, this function is all that changes.
pub(super) fn legacy_digest(pepper: &[u8], password: &str) -> [u8; 32] {
    sha256(&[pepper, password.as_bytes()])
}
