//! The error of this crate: one line that says what is wrong and what to do.

use std::fmt;
use std::io;

/// What went wrong while servers were looked for, installed, booted or stopped.
///
/// `Display` gives one line, made for a terminal.
#[derive(Debug)]
pub enum DevEnvError {
    /// A server program is missing and could not, or must not, be installed.
    Missing {
        /// The programs that were looked for, e.g. `PostgreSQL >= 15`.
        what: Vec<&'static str>,
        /// Why it was not installed, and what a person can do.
        advice: String,
    },
    /// The operating system refused something.
    Io {
        /// What was being done.
        action: String,
        /// The answer of the operating system.
        source: io::Error,
    },
    /// A server or a tool did not do its work.
    Failed(String),
}

impl DevEnvError {
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }
}

impl fmt::Display for DevEnvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { what, advice } => {
                write!(f, "{} not found: {advice}", what.join(" and "))
            }
            Self::Io { action, source } => write!(f, "cannot {action}: {source}"),
            Self::Failed(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for DevEnvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            Self::Missing { .. } | Self::Failed(_) => None,
        }
    }
}

/// Adds to an I/O error what was being done.
pub(crate) trait Doing<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, DevEnvError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, action: impl FnOnce() -> String) -> Result<T, DevEnvError> {
        self.map_err(|source| DevEnvError::Io {
            action: action(),
            source,
        })
    }
}
