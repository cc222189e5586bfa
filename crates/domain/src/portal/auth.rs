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

/// A payout password is a PIN of 6 to 12 digits that is not the login password.
///
/// # Errors
/// `validation_failed` on `field`.
pub fn check_new_payout_password(
    field: &str,
    pin: &str,
    login_password: &str,
) -> Result<(), Problem> {
    if !(6..=12).contains(&pin.len()) || !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Problem::field(field, "must have 6 to 12 digits"));
    }
    if pin == login_password {
        return Err(Problem::field(field, "must not be the login password"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q100_a_payout_password_is_digits_and_not_the_login_password() {
        for pin in ["123456", "000000", "123456789012"] {
            assert!(check_new_payout_password("pin", pin, "a login password").is_ok());
        }
        for pin in [
            "",
            "12345",
            "1234567890123",
            "12345a",
            "１２３４５６",
            "123 456",
            "-12345",
            "\u{661}\u{661}\u{661}",
        ] {
            assert!(check_new_payout_password("pin", pin, "x").is_err(), "{pin}");
        }
        assert!(check_new_payout_password("pin", "12345678", "12345678").is_err());
    }
}
