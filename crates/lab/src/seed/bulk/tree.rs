//! The agents of the crowd: a deep tree in which few have large teams and most have small ones.

use chrono::{DateTime, Duration, Utc};
use sqlx::PgConnection;

use super::Stage;
use crate::seed::{dice::Dice, ids, world::column};

const PLAYERS_PER_AGENT: usize = 300;
const MOST: usize = 4_000;
const FEWEST: usize = 12;
/// Agents straight below the top, before the tree grows by itself.
const FIRST_LINE: usize = 8;
const DEEPEST: i16 = 10;

/// An agent who brings players in. The first one is the top of the tree, who was there before.
pub(super) struct Branch {
    pub(super) guid: i64,
    pub(super) invite_code: String,
    pub(super) created_at: DateTime<Utc>,
    parent: i64,
    level: i16,
}

pub(super) async fn is_there(conn: &mut PgConnection) -> anyhow::Result<bool> {
    let found =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM agent WHERE username LIKE 'crowd\\_%')");
    Ok(found.fetch_one(conn).await?)
}

pub(super) async fn store(
    conn: &mut PgConnection,
    stage: &Stage,
    players: usize,
) -> anyhow::Result<Vec<Branch>> {
    let count = (players / PLAYERS_PER_AGENT).clamp(FEWEST, MOST);
    let guids = ids::reserve(conn, "agent", "guid", count).await?;
    let branches = plan(stage, &guids);
    let deepest = branches.iter().map(|branch| branch.level).max();
    // Level by level, because the path of an agent is made from its parent's row.
    for level in 2..=deepest.unwrap_or(1) {
        let agents = branches.iter().filter(|branch| branch.level == level);
        store_level(conn, stage, &agents.collect::<Vec<_>>()).await?;
    }
    store_shares(conn, stage, &guids).await?;
    Ok(branches)
}

/// The earlier somebody came, the more others came through them.
fn plan(stage: &Stage, guids: &[i64]) -> Vec<Branch> {
    let mut dice = Dice::of("crowd agents");
    let count = i32::try_from(guids.len()).unwrap_or(i32::MAX);
    let first = stage.since + Duration::days(1);
    let step = (stage.now - Duration::days(super::STAT_DAYS) - first) / count.max(1);
    let mut branches = vec![Branch {
        guid: stage.top,
        invite_code: stage.invite_code.clone(),
        created_at: stage.since,
        parent: 0,
        level: 1,
    }];
    for (number, guid) in (0..).zip(guids) {
        let parent = parent(&mut dice, &branches);
        branches.push(Branch {
            guid: *guid,
            invite_code: format!("C{}{guid}", dice.code(6)),
            created_at: first + step * number,
            parent: branches[parent].guid,
            level: branches[parent].level + 1,
        });
    }
    branches
}

fn parent(dice: &mut Dice, branches: &[Branch]) -> usize {
    if branches.len() <= FIRST_LINE || dice.percent(3) {
        return 0;
    }
    loop {
        let parent = 1 + dice
            .below(branches.len() - 1)
            .min(dice.below(branches.len() - 1));
        if branches[parent].level < DEEPEST {
            return parent;
        }
    }
}

/// With the password of the other demo accounts.
async fn store_level(
    conn: &mut PgConnection,
    stage: &Stage,
    agents: &[&Branch],
) -> anyhow::Result<()> {
    sqlx::query(
        "WITH made AS ( \
             INSERT INTO agent (guid, username, nick_name, parent_guid, invite_code, created_at, updated_at, \
                                password_hash) \
             SELECT guid, 'crowd_' || guid, 'Crowd ' || guid, parent, code, created, created, \
                    (SELECT password_hash FROM agent WHERE username = 'siam_lotus') \
             FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[]) AS a (guid, parent, code, created) \
             RETURNING guid, created_at) \
         INSERT INTO agent_brand (agent_id, brand_id, status, updated_at) \
         SELECT guid, $5, 'enabled', created_at FROM made",
    )
    .bind(column(agents, |a| a.guid))
    .bind(column(agents, |a| a.parent))
    .bind(column(agents, |a| a.invite_code.as_str()))
    .bind(column(agents, |a| a.created_at))
    .bind(stage.brand.id.0)
    .execute(conn)
    .await?;
    Ok(())
}

/// Of what the top of the tree keeps, each level passes nine tenths on.
async fn store_shares(conn: &mut PgConnection, stage: &Stage, guids: &[i64]) -> anyhow::Result<()> {
    sqlx::query(
        "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage, set_by, \
                                                created_at) \
         SELECT a.guid, $1, own.provider_id, a.created_at::date, round(own.least * power(0.9, a.level - 1), 2), \
                a.parent_guid, a.created_at \
         FROM agent a, (SELECT provider_id, min(percentage) AS least FROM agent_provider_percentage \
                        WHERE agent_id = $2 AND brand_id = $1 GROUP BY 1) AS own \
         WHERE a.guid = ANY ($3)",
    )
    .bind(stage.brand.id.0)
    .bind(stage.top)
    .bind(guids)
    .execute(conn)
    .await?;
    Ok(())
}
