//! The tree below an agent.

use agent_domain::{AgentGuid, BrandScope};

use super::downline::Downline;
use crate::{error::DbError, pool::Pool};

/// An agent of the tree.
#[derive(Clone, Debug)]
pub struct NodeRow {
    pub guid: i64,
    pub username: String,
    pub level: i16,
    pub status: String,
    /// Place in the tree: the numbers from the top down to this one.
    pub path: String,
    pub parent_guid: Option<i64>,
    /// Agents directly below that are shown on the brand.
    pub sub_count: i64,
}

/// The root and what is at most `depth` levels below it, from the top downwards, at most `limit`.
///
/// # Errors
/// The statement failed.
pub async fn tree(
    pool: &Pool,
    scope: &BrandScope,
    root: &Downline,
    depth: i16,
    limit: i64,
) -> Result<Vec<NodeRow>, DbError> {
    let AgentGuid(guid) = root.guid();
    let rows = sqlx::query_as!(
        NodeRow,
        r#"
        SELECT n.guid AS "guid!", n.username AS "username!", n.level AS "level!", n.status AS "status!",
               n.path AS "path!", n.parent_guid,
               (SELECT count(*) FROM downline_agent(n.guid, $2) b WHERE b.parent_guid = n.guid) AS "sub_count!"
        FROM (SELECT * FROM (
                  SELECT r.guid, r.username, r.level, r.status, r.path, r.parent_guid FROM agent r WHERE r.guid = $1
                  UNION ALL
                  SELECT d.guid, d.username, d.level, d.status, d.path, d.parent_guid FROM downline_agent($1, $2) d
                  WHERE d.level <= $3) of_root
              ORDER BY level, guid LIMIT $4) n
        ORDER BY n.level, n.guid
        "#,
        guid,
        scope.id().0,
        root.level() + depth,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
