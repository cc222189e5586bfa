//! Players below an agent.

use serde::{Deserialize, Serialize};

/// How a player's account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayerStatus {
    Active,
    Locked,
    Closed,
}

impl PlayerStatus {
    pub const ALL: [Self; 3] = [Self::Active, Self::Locked, Self::Closed];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Closed => "closed",
        }
    }
}

/// By what players are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayerSort {
    RegisteredAt,
    Username,
    /// Those who never signed in come last, whichever way.
    LastLoginAt,
    /// All that the player ever deposited, for whomever.
    DepositAmount,
}

/// Whose players: those of one agent, or also those of everybody below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayerScope {
    Direct,
    #[default]
    Team,
}

impl PlayerScope {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Team => "team",
        }
    }
}
