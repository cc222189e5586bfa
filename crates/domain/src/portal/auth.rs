//! Accounts and passwords.

use crate::problem::Problem;

/// State of an agent's account (`agent.status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentStatus {
    Active,
    /// May not sign in; told so only after a correct password.
    Locked,
    /// Answers as if the account did not exist.
    Deleted,
}

impl AgentStatus {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "active" => Some(Self::Active),
            "locked" => Some(Self::Locked),
            "deleted" => Some(Self::Deleted),
            _ => None,
        }
    }
}

/// Spelling under which a username is counted and looked up.
#[must_use]
pub fn normalise_username(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A new password has 8 to 128 characters; no rule of composition (NIST SP 800-63B 5.1.1.2).
/// Passwords of existing accounts are accepted at sign-in whatever their length.
///
/// # Errors
/// `validation_failed` on `field`.
pub fn check_new_password(field: &str, password: &str) -> Result<(), Problem> {
    if (8..=128).contains(&password.chars().count()) {
        Ok(())
    } else {
        Err(Problem::field(field, "must have 8 to 128 characters"))
    }
}
