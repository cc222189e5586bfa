//! Agents that other agents make and look after.

use serde::Deserialize;

use super::auth::AgentStatus;
use crate::problem::Problem;

/// How deep the tree is: an agent of this level makes no more agents.
pub const MAX_LEVEL: i16 = 10;

/// A name for a new account: 3 to 64 ASCII letters, digits, `_`, `.` and `-`, so that no two names
/// look alike.
///
/// # Errors
/// `validation_failed` on `username`.
pub fn check_new_username(username: &str) -> Result<(), Problem> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if (3..=64).contains(&username.len()) && username.bytes().all(allowed) {
        return Ok(());
    }
    let rule = "must have 3 to 64 letters, digits, _ . or -";
    Err(Problem::field("username", rule))
}

/// States that a parent may give a direct sub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubStatus {
    Active,
    /// May not sign in; its sessions are over.
    Locked,
}

impl SubStatus {
    pub const ALL: [Self; 2] = [Self::Active, Self::Locked];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
        }
    }

    #[must_use]
    pub fn is(self, status: AgentStatus) -> bool {
        matches!(
            (self, status),
            (Self::Active, AgentStatus::Active) | (Self::Locked, AgentStatus::Locked)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p033_usernames_are_plain() {
        for good in ["abc", "A.b_c-9", "...", &"x".repeat(64)] {
            assert!(check_new_username(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "ab",
            " abc",
            "abc ",
            "a b c",
            "ab\u{441}",
            "ａｂｃ",
            "abc\n",
            "a@b.c",
            "a/b",
            "a%b",
            &"x".repeat(65),
        ] {
            assert!(check_new_username(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn p033_a_state_is_compared_with_that_of_the_account() {
        for status in SubStatus::ALL {
            let account = AgentStatus::parse(status.as_str()).unwrap();
            assert!(status.is(account));
            assert!(!status.is(AgentStatus::Deleted));
        }
        assert!(!SubStatus::Active.is(AgentStatus::Locked));
        assert!(!SubStatus::Locked.is(AgentStatus::Active));
    }
}
