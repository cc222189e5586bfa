//! Messages to agents, and which of them were read.

use agent_domain::{AgentGuid, BrandScope, page::PageRequest, portal::messages::MessageKind};
use chrono::{DateTime, Utc};

use crate::{
    error::DbError,
    pool::Pool,
    rows::{Rows, rows},
    tx::Tx,
};

/// A message in a list.
#[derive(Clone, Debug)]
pub struct MessageRow {
    pub id: i64,
    pub kind: String,
    pub title: String,
    /// The beginning of the body.
    pub preview: String,
    pub is_read: bool,
    pub pinned: bool,
    /// Since when it is shown.
    pub created_at: DateTime<Utc>,
}

/// Which messages a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessageFilter {
    /// `None` = all kinds.
    pub kind: Option<MessageKind>,
    pub unread_only: bool,
}

/// Pinned ones first, then the newest.
pub fn list<'t>(
    tx: &'t mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: MessageFilter,
    page: PageRequest,
    now: DateTime<Utc>,
) -> Rows<'t, MessageRow> {
    let fetched = sqlx::query_as!(
        MessageRow,
        r#"
        SELECT id AS "id!", kind AS "kind!", title AS "title!", left(body, 120) AS "preview!", is_read AS "is_read!",
               pinned AS "pinned!", starts_at AS "created_at!"
        FROM visible_message($1, $2, $3)
        WHERE ($4::text IS NULL OR kind = $4) AND (NOT $5 OR NOT is_read)
        ORDER BY pinned DESC, starts_at DESC, id DESC LIMIT $6 OFFSET $7
        "#,
        agent.0,
        scope.id().0,
        now,
        filter.kind.map(MessageKind::as_str),
        filter.unread_only,
        page.limit(),
        page.offset(),
    )
    .fetch(tx.conn());
    rows(fetched)
}

/// How many a list would show, counted up to one more than `cap`.
///
/// # Errors
/// The statement failed.
pub async fn count(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    filter: MessageFilter,
    now: DateTime<Utc>,
    cap: i64,
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!" FROM (
            SELECT FROM visible_message($1, $2, $3)
            WHERE ($4::text IS NULL OR kind = $4) AND (NOT $5 OR NOT is_read) LIMIT $6) AS counted
        "#,
        agent.0,
        scope.id().0,
        now,
        filter.kind.map(MessageKind::as_str),
        filter.unread_only,
        cap + 1,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// A whole message.
#[derive(Clone, Debug)]
pub struct FullMessage {
    pub id: i64,
    pub kind: String,
    pub title: String,
    pub body: String,
    pub is_read: bool,
    pub pinned: bool,
    pub created_at: DateTime<Utc>,
}

/// # Errors
/// The statement failed.
pub async fn message(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    id: i64,
    now: DateTime<Utc>,
) -> Result<Option<FullMessage>, DbError> {
    let row = sqlx::query_as!(
        FullMessage,
        r#"
        SELECT id AS "id!", kind AS "kind!", title AS "title!", body AS "body!", is_read AS "is_read!",
               pinned AS "pinned!", starts_at AS "created_at!"
        FROM visible_message($1, $2, $3) WHERE id = $4
        "#,
        agent.0,
        scope.id().0,
        now,
        id,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// Marks one message; `false` when the agent sees no such message.
///
/// # Errors
/// The statement failed.
pub async fn mark_one(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    id: i64,
    now: DateTime<Utc>,
) -> Result<bool, DbError> {
    let visible = sqlx::query_scalar!(
        r#"
        WITH visible AS (SELECT id FROM visible_message($1, $2, $3) WHERE id = $4),
             marked AS (INSERT INTO message_read (message_id, agent_id, read_at)
                        SELECT id, $1, $3 FROM visible ON CONFLICT DO NOTHING)
        SELECT EXISTS (SELECT FROM visible) AS "visible!"
        "#,
        agent.0,
        scope.id().0,
        now,
        id,
    )
    .fetch_one(pool)
    .await?;
    Ok(visible)
}

/// Marks those of the given messages that the agent sees; all that it sees where none are given.
///
/// # Errors
/// The statement failed.
pub async fn mark(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    ids: Option<&[i64]>,
    now: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        INSERT INTO message_read (message_id, agent_id, read_at)
        SELECT id, $1, $3 FROM visible_message($1, $2, $3)
        WHERE NOT is_read AND ($4::bigint[] IS NULL OR id = ANY($4))
        ON CONFLICT DO NOTHING
        "#,
        agent.0,
        scope.id().0,
        now,
        ids,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// Messages that were not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Unread {
    pub announcement: i64,
    pub private: i64,
}

/// # Errors
/// The statement failed.
pub async fn unread(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    now: DateTime<Utc>,
) -> Result<Unread, DbError> {
    let row = sqlx::query_as!(
        Unread,
        r#"
        SELECT count(*) FILTER (WHERE kind = 'announcement') AS "announcement!",
               count(*) FILTER (WHERE kind = 'private') AS "private!"
        FROM visible_message($1, $2, $3) WHERE NOT is_read
        "#,
        agent.0,
        scope.id().0,
        now,
    )
    .fetch_one(pool)
    .await?;
    Ok(row)
}
