//! Proofs that an agent or a player belongs to the agent who asks.
//!
//! Only the queries here make them, and each checks the tree and the brand. Whatever takes one
//! cannot be asked for somebody else's.

use agent_domain::{AgentGuid, BrandScope};

use crate::{error::DbError, pool::Pool};

/// An agent below the one who asks, or that one itself.
#[derive(Clone, Debug)]
pub struct Downline {
    guid: AgentGuid,
    parent: Option<AgentGuid>,
    /// Place in the tree: the beginning of the path of all that is below.
    path: String,
    level: i16,
}

impl Downline {
    #[must_use]
    pub fn guid(&self) -> AgentGuid {
        self.guid
    }

    #[must_use]
    pub fn parent(&self) -> Option<AgentGuid> {
        self.parent
    }

    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    #[must_use]
    pub fn level(&self) -> i16 {
        self.level
    }

    /// Whether the agent stands directly below `agent`.
    #[must_use]
    pub fn is_direct_sub_of(&self, agent: AgentGuid) -> bool {
        self.parent == Some(agent)
    }
}

/// The agent of a number, if it is `asking` itself or below it, is not deleted, and is shown on
/// the brand.
///
/// # Errors
/// The statement failed.
pub async fn downline(
    pool: &Pool,
    scope: &BrandScope,
    asking: AgentGuid,
    guid: AgentGuid,
) -> Result<Option<Downline>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT s.guid, s.parent_guid, s.path, s.level
        FROM agent s JOIN agent a ON a.guid = $1
        WHERE s.guid = $2 AND s.status <> 'deleted'
          AND (s.guid = a.guid OR (starts_with(s.path, a.path) AND brand_status(s.guid, $3) IS NOT NULL))
        "#,
        asking.0,
        guid.0,
        scope.id().0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Downline {
        guid: AgentGuid(row.guid),
        parent: row.parent_guid.map(AgentGuid),
        path: row.path,
        level: row.level,
    }))
}

/// A player of the brand whom the agent who asks, or one below it, brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnedPlayer {
    id: i64,
    agent: AgentGuid,
}

impl OwnedPlayer {
    #[must_use]
    pub fn id(self) -> i64 {
        self.id
    }

    /// The direct agent of the player.
    #[must_use]
    pub fn agent(self) -> AgentGuid {
        self.agent
    }
}

/// Those of the given players that are `asking`'s; whoever needs all of them compares the counts.
///
/// # Errors
/// The statement failed.
pub async fn owned_players(
    pool: &Pool,
    scope: &BrandScope,
    asking: AgentGuid,
    players: &[i64],
) -> Result<Vec<OwnedPlayer>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT p.player_id, s.guid
        FROM player p JOIN agent s ON s.guid = p.agent_id JOIN agent a ON a.guid = $1
        WHERE p.player_id = ANY($3) AND p.brand_id = $2 AND starts_with(s.path, a.path)
        "#,
        asking.0,
        scope.id().0,
        players,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| OwnedPlayer {
            id: row.player_id,
            agent: AgentGuid(row.guid),
        })
        .collect())
}
