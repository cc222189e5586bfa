//! Messages to agents.

use serde::{Deserialize, Serialize};

/// Whom a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Every agent of a brand, or of all brands.
    Announcement,
    /// The agents that it names.
    Private,
}

impl MessageKind {
    pub const ALL: [Self; 2] = [Self::Announcement, Self::Private];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Announcement => "announcement",
            Self::Private => "private",
        }
    }
}
