//! What is wrong with the environment, all of it at once.

use std::fmt;

use crate::{AesPiiKeysMisconfigured, RecoveryTokenExposed};

/// One variable that is missing or cannot be read. Never holds the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {what}")]
pub struct Fault {
    pub name: String,
    pub what: String,
}

/// One reason not to start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Variable(#[from] Fault),
    #[error(transparent)]
    AesPiiKeys(#[from] AesPiiKeysMisconfigured),
    #[error(transparent)]
    RecoveryTokenExposed(#[from] RecoveryTokenExposed),
}

/// Every reason not to start; shown one per line, as `NAME: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<ConfigError>);

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
