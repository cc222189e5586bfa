//! Credentials, sessions and refresh families (Q-86, Q-87).

use agent_domain::{AgentGuid, BrandId, portal::auth::AgentStatus};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{audit::AuditedTx, error::DbError, pool::Pool, tx::Tx};

/// What signing in needs to know of an account. Holds a password hash: no `Debug`.
pub struct Credentials {
    pub guid: AgentGuid,
    pub username: String,
    pub nick_name: Option<String>,
    pub password_hash: String,
    pub status: AgentStatus,
    pub level: i16,
    pub parent_guid: Option<AgentGuid>,
    pub must_change_password: bool,
    pub token_version: i32,
}

macro_rules! credentials {
    ($row:expr) => {{
        let row = $row;
        Ok(Credentials {
            guid: AgentGuid(row.guid),
            username: row.username,
            nick_name: row.nick_name,
            password_hash: row.password_hash,
            status: AgentStatus::parse(&row.status)
                .ok_or_else(|| DbError::inconsistent("agent.status"))?,
            level: row.level,
            parent_guid: row.parent_guid.map(AgentGuid),
            must_change_password: row.must_change_password,
            token_version: row.token_version,
        })
    }};
}

/// # Errors
/// The statement failed.
pub async fn credentials_by_username(
    pool: &Pool,
    username: &str,
) -> Result<Option<Credentials>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT guid, username, nick_name, password_hash, status, level, parent_guid, must_change_password, token_version
        FROM agent WHERE lower(username) = lower($1)
        "#,
        username,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| credentials!(row)).transpose()
}

/// # Errors
/// The statement failed.
pub async fn credentials_by_guid(
    pool: &Pool,
    agent: AgentGuid,
) -> Result<Option<Credentials>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT guid, username, nick_name, password_hash, status, level, parent_guid, must_change_password, token_version
        FROM agent WHERE guid = $1
        "#,
        agent.0,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| credentials!(row)).transpose()
}

/// What an access token is held against on every request: one round trip (Q-87).
#[derive(Clone, Copy, Debug)]
pub struct SessionState {
    pub status: AgentStatus,
    pub token_version: i32,
    /// The refresh family of the session still has its live end.
    pub family_alive: bool,
}

/// # Errors
/// The statement failed.
pub async fn session_state(
    pool: &Pool,
    agent: AgentGuid,
    family: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<SessionState>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT a.status, a.token_version,
               EXISTS (SELECT FROM agent_refresh_token t
                       WHERE t.family = $2 AND t.agent_id = a.guid AND t.used_at IS NULL
                         AND t.revoked_at IS NULL AND t.family_expires_at > $3) AS "family_alive!"
        FROM agent a WHERE a.guid = $1
        "#,
        agent.0,
        family,
        now,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| {
        Ok(SessionState {
            status: AgentStatus::parse(&row.status)
                .ok_or_else(|| DbError::inconsistent("agent.status"))?,
            token_version: row.token_version,
            family_alive: row.family_alive,
        })
    })
    .transpose()
}

/// One attempt to sign in, for the login log.
#[derive(Clone, Debug)]
pub struct LoginAttempt<'a> {
    pub agent: Option<AgentGuid>,
    pub brand: Option<BrandId>,
    pub outcome: &'static str,
    /// Keyed hash of the source address.
    pub ip_hash: &'a str,
    pub user_agent: Option<&'a str>,
    pub at: DateTime<Utc>,
}

/// # Errors
/// The statement failed.
pub async fn log_attempt(pool: &Pool, attempt: &LoginAttempt<'_>) -> Result<(), DbError> {
    sqlx::query!(
        r#"
        INSERT INTO agent_login_log (agent_id, brand_id, outcome, ip_hash, ua, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        "#,
        attempt.agent.map(|agent| agent.0),
        attempt.brand.map(|brand| brand.0),
        attempt.outcome,
        attempt.ip_hash,
        attempt.user_agent,
        attempt.at,
    )
    .execute(pool)
    .await?;
    Ok(())
}

/// A refresh token about to be stored.
#[derive(Clone, Debug)]
pub struct NewRefreshToken<'a> {
    pub id: Uuid,
    pub family: Uuid,
    pub agent: AgentGuid,
    pub token_hash: &'a [u8],
    pub brand: Option<BrandId>,
    pub ip_hash: &'a str,
    pub user_agent: Option<&'a str>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    /// When the family ends whatever happens.
    pub family_expires_at: DateTime<Utc>,
}

/// Opens a session: the first token of a family, the time of the login, the log row, and a better
/// password hash where the old one was weak (P-103, Q-22). Only when the account still is what was
/// checked: a password reset or a lock in between wins, and then nothing is written.
///
/// # Errors
/// The statement failed.
pub async fn open_session(
    pool: &Pool,
    token: &NewRefreshToken<'_>,
    token_version: i32,
    rehashed: Option<&str>,
) -> Result<bool, DbError> {
    let opened = sqlx::query!(
        r#"
        WITH account AS (
            UPDATE agent SET last_login_at = $8, password_hash = coalesce($12, password_hash)
            WHERE guid = $3 AND token_version = $11 AND status = 'active'
            RETURNING guid
        ), logged AS (
            INSERT INTO agent_login_log (agent_id, brand_id, outcome, ip_hash, ua, created_at)
            SELECT guid, $5, 'success', $6, $7, $8 FROM account
        )
        INSERT INTO agent_refresh_token (id, family, agent_id, token_hash, brand_id, ip_hash, ua, created_at,
                                         expires_at, family_expires_at)
        SELECT $1, $2, guid, $4, $5, $6, $7, $8, $9, $10 FROM account
        "#,
        token.id,
        token.family,
        token.agent.0,
        token.token_hash,
        token.brand.map(|brand| brand.0),
        token.ip_hash,
        token.user_agent,
        token.created_at,
        token.expires_at,
        token.family_expires_at,
        token_version,
        rehashed,
    )
    .execute(pool)
    .await?;
    Ok(opened.rows_affected() == 1)
}

/// A refresh token that was presented, locked until the end of the transaction.
#[derive(Clone, Debug)]
pub struct PresentedToken {
    pub id: Uuid,
    pub family: Uuid,
    pub agent: AgentGuid,
    pub expires_at: DateTime<Utc>,
    pub family_expires_at: DateTime<Utc>,
    pub used_at: Option<DateTime<Utc>>,
    pub revoked_at: Option<DateTime<Utc>>,
}

/// Whose refresh token this is.
///
/// # Errors
/// The statement failed.
pub async fn agent_of_token(pool: &Pool, token_hash: &[u8]) -> Result<Option<AgentGuid>, DbError> {
    let agent = sqlx::query_scalar!(
        r#"SELECT agent_id FROM agent_refresh_token WHERE token_hash = $1"#,
        token_hash,
    )
    .fetch_optional(pool)
    .await?;
    Ok(agent.map(AgentGuid))
}

/// The account behind a refresh, under the lock that whoever ends its sessions takes too: no token
/// is made beside them. Rows that refer to the account do not wait for it. It comes before the lock
/// on a token, as everywhere; the other order is a deadlock with a password change.
///
/// # Errors
/// The statement failed.
pub async fn lock_account(tx: &mut Tx, agent: AgentGuid) -> Result<Option<Credentials>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT guid, username, nick_name, password_hash, status, level, parent_guid, must_change_password, token_version
        FROM agent WHERE guid = $1 FOR NO KEY UPDATE
        "#,
        agent.0,
    )
    .fetch_optional(tx.conn())
    .await?;
    row.map(|row| credentials!(row)).transpose()
}

/// Finds and locks a token by its hash: of parallel refreshes one proceeds at a time.
///
/// # Errors
/// The statement failed.
pub async fn lock_token(tx: &mut Tx, token_hash: &[u8]) -> Result<Option<PresentedToken>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT id, family, agent_id, expires_at, family_expires_at, used_at, revoked_at
        FROM agent_refresh_token WHERE token_hash = $1 FOR UPDATE
        "#,
        token_hash,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|row| PresentedToken {
        id: row.id,
        family: row.family,
        agent: AgentGuid(row.agent_id),
        expires_at: row.expires_at,
        family_expires_at: row.family_expires_at,
        used_at: row.used_at,
        revoked_at: row.revoked_at,
    }))
}

/// Marks a token used and stores its successor; `false` when the family died meanwhile.
///
/// # Errors
/// The statement failed.
pub async fn rotate(tx: &mut Tx, used: Uuid, next: &NewRefreshToken<'_>) -> Result<bool, DbError> {
    let marked = sqlx::query!(
        r#"UPDATE agent_refresh_token SET used_at = $2 WHERE id = $1 AND used_at IS NULL AND revoked_at IS NULL"#,
        used,
        next.created_at,
    )
    .execute(tx.conn())
    .await?;
    if marked.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        r#"
        INSERT INTO agent_refresh_token (id, family, agent_id, token_hash, brand_id, ip_hash, ua, created_at,
                                         expires_at, family_expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        "#,
        next.id,
        next.family,
        next.agent.0,
        next.token_hash,
        next.brand.map(|brand| brand.0),
        next.ip_hash,
        next.user_agent,
        next.created_at,
        next.expires_at,
        next.family_expires_at,
    )
    .execute(tx.conn())
    .await?;
    Ok(true)
}

/// Ends a family: no token of it is good any more. The account is locked first, so that no
/// rotation is under way whose new token the second statement would not see.
///
/// # Errors
/// The statement failed.
pub async fn revoke_family(
    tx: &mut Tx,
    agent: AgentGuid,
    family: Uuid,
    at: DateTime<Utc>,
) -> Result<(), DbError> {
    sqlx::query!(
        r#"SELECT guid FROM agent WHERE guid = $1 FOR NO KEY UPDATE"#,
        agent.0
    )
    .fetch_optional(tx.conn())
    .await?;
    sqlx::query!(
        r#"UPDATE agent_refresh_token SET revoked_at = $2 WHERE family = $1 AND revoked_at IS NULL"#,
        family,
        at,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Deletes tokens whose family ended before `before`, at most `limit`; tells how many.
///
/// # Errors
/// The statement failed.
pub async fn sweep_tokens(pool: &Pool, before: DateTime<Utc>, limit: i64) -> Result<u64, DbError> {
    let swept = sqlx::query!(
        r#"
        DELETE FROM agent_refresh_token WHERE id IN (
            SELECT id FROM agent_refresh_token WHERE family_expires_at < $1 ORDER BY family_expires_at LIMIT $2
            FOR UPDATE SKIP LOCKED)
        "#,
        before,
        limit,
    )
    .execute(pool)
    .await?;
    Ok(swept.rows_affected())
}

impl AuditedTx<'_> {
    /// The agent's password hash and token version under a row lock, so that two changes at once
    /// are judged one after the other.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn lock_password(
        &mut self,
        agent: AgentGuid,
    ) -> Result<Option<(String, i32)>, DbError> {
        let row = sqlx::query!(
            r#"SELECT password_hash, token_version FROM agent WHERE guid = $1 AND status = 'active' FOR NO KEY UPDATE"#,
            agent.0,
        )
        .fetch_optional(self.tx().conn())
        .await?;
        Ok(row.map(|row| (row.password_hash, row.token_version)))
    }
}
