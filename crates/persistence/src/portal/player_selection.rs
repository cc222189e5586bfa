//! Which players of an agent or a team are meant.

use agent_domain::{
    AgentGuid, BrandScope,
    portal::player::{PlayerScope, PlayerStatus},
};
use chrono::{DateTime, Utc};

use super::downline::Downline;

/// Which players of the selected agent are meant; what is `None` does not narrow.
#[derive(Clone, Debug, Default)]
pub struct PlayerFilter {
    /// How the username begins, or the whole number of a player.
    pub keyword: Option<String>,
    pub status: Option<PlayerStatus>,
    pub tag: Option<String>,
    /// Registered at this instant or later.
    pub registered_from: Option<DateTime<Utc>>,
    /// Registered before this instant.
    pub registered_until: Option<DateTime<Utc>>,
}

impl PlayerFilter {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let narrowed_by_text = self.keyword.is_some() || self.tag.is_some();
        let narrowed_by_time = self.registered_from.is_some() || self.registered_until.is_some();
        !narrowed_by_text && !narrowed_by_time && self.status.is_none()
    }
}

/// Players that the agent who asks may see, as Postgres takes them.
pub struct Selection {
    pub(super) brand: i64,
    /// Who asks: the selected agent or one above it.
    pub(super) asking: i64,
    pub(super) agent: i64,
    pub(super) scope: PlayerScope,
    /// Paths of the agents whose players are meant.
    pub(super) paths: String,
    pub(super) username: Option<String>,
    pub(super) id: Option<i64>,
    pub(super) status: Option<&'static str>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) from: Option<DateTime<Utc>>,
    pub(super) until: Option<DateTime<Utc>>,
}

impl Selection {
    #[must_use]
    pub fn new(
        brand: &BrandScope,
        asking: AgentGuid,
        agent: &Downline,
        scope: PlayerScope,
        filter: &PlayerFilter,
    ) -> Self {
        // A path holds digits and slashes, so nothing in it is special to LIKE.
        let paths = match scope {
            PlayerScope::Direct => agent.path().to_owned(),
            PlayerScope::Team => format!("{}%", agent.path()),
        };
        let keyword = filter.keyword.as_deref();
        Self {
            brand: brand.id().0,
            asking: asking.0,
            agent: agent.guid().0,
            scope,
            paths,
            username: keyword.map(beginning),
            id: keyword.and_then(number),
            status: filter.status.map(PlayerStatus::as_str),
            tags: filter.tag.clone().map(|tag| vec![tag]),
            from: filter.registered_from,
            until: filter.registered_until,
        }
    }
}

/// Whatever begins so, for LIKE.
fn beginning(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for letter in text.chars() {
        if matches!(letter, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

fn number(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// A statement over the selected players; its own parameters begin at $9. Usernames are compared
/// byte by byte, so that one index serves order and beginning in a database of any language.
macro_rules! over_selected {
    ($kind:ident, $head:literal, $($tail:literal)*, $selection:expr $(, $more:expr)*) => {
        sqlx::$kind!(
            $head + r#"
            FROM player p
            WHERE p.brand_id = $1 AND p.agent_path LIKE $2
              AND ($3::text IS NULL OR p.username COLLATE "C" LIKE $3 OR p.player_id = $4::bigint)
              AND ($5::text IS NULL OR p.status = $5) AND ($6::text[] IS NULL OR p.tags @> $6)
              AND ($7::timestamptz IS NULL OR p.registered_at >= $7)
              AND ($8::timestamptz IS NULL OR p.registered_at < $8)
            "# $(+ $tail)*,
            $selection.brand,
            $selection.paths,
            $selection.username.as_deref(),
            $selection.id,
            $selection.status,
            $selection.tags.as_deref(),
            $selection.from,
            $selection.until
            $(, $more)*
        )
    };
}
pub(super) use over_selected;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_keyword_holds_is_taken_literally() {
        assert_eq!(beginning("nok"), "nok%");
        assert_eq!(beginning(r"5%_\"), r"5\%\_\\%");
        assert_eq!(number("500001"), Some(500_001));
        for text in [
            "+1",
            "-1",
            "1 ",
            "0x1",
            "",
            "99999999999999999999",
            "\u{0661}",
        ] {
            assert_eq!(number(text), None, "{text}");
        }
    }
}
