//! One-time codes, whom they belong to, and how they are used up.
//!
//! A code is found by a keyed hash of all it is good for. Unknown accounts have rows like known
//! ones, so that the work for both is the same (P-183).

use agent_domain::{
    AgentGuid,
    portal::{auth::AgentStatus, recovery::Purpose},
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{audit::AuditedTx, error::DbError, pool::Pool, tx::Tx};

/// An account as recovery sees it; contacts are ciphertext.
pub struct ContactRow {
    pub agent: AgentGuid,
    pub status: AgentStatus,
    pub phone_num: Option<String>,
    pub email: Option<String>,
}

macro_rules! contact_row {
    ($row:expr) => {{
        let row = $row;
        Ok::<_, DbError>(ContactRow {
            agent: AgentGuid(row.guid),
            status: AgentStatus::parse(&row.status)
                .ok_or_else(|| DbError::inconsistent("agent.status"))?,
            phone_num: row.phone_num,
            email: row.email,
        })
    }};
}

/// # Errors
/// The statement failed.
pub async fn by_username(pool: &Pool, username: &str) -> Result<Option<ContactRow>, DbError> {
    let row = sqlx::query!(
        r#"SELECT guid, status, phone_num, email FROM agent WHERE lower(username) = lower($1)"#,
        username,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| contact_row!(row)).transpose()
}

/// # Errors
/// The statement failed.
pub async fn by_guid(pool: &Pool, agent: AgentGuid) -> Result<Option<ContactRow>, DbError> {
    let row = sqlx::query!(
        r#"SELECT guid, status, phone_num, email FROM agent WHERE guid = $1"#,
        agent.0,
    )
    .fetch_optional(pool)
    .await?;
    row.map(|row| contact_row!(row)).transpose()
}

/// Accounts with this phone, at most two: one that is shared belongs to nobody (Q-89). A phone that
/// was given by somebody else and never proven does not count. Rows
/// without an index are matched by the forms in which they may be stored.
///
/// # Errors
/// The statement failed.
pub async fn by_phone(
    pool: &Pool,
    index: &[u8],
    older_forms: &[String],
) -> Result<Vec<ContactRow>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT guid AS "guid!", status AS "status!", phone_num, email FROM agent
        WHERE phone_bidx = $1 AND status <> 'deleted' AND NOT phone_unverified
        UNION ALL
        SELECT guid, status, phone_num, email FROM agent
        WHERE phone_bidx IS NULL AND phone_num = ANY($2) AND status <> 'deleted' AND NOT phone_unverified
        LIMIT 2
        "#,
        index,
        older_forms,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| contact_row!(row)).collect()
}

/// As [`by_phone`], by e-mail address.
///
/// # Errors
/// The statement failed.
pub async fn by_email(
    pool: &Pool,
    index: &[u8],
    older_forms: &[String],
) -> Result<Vec<ContactRow>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT guid AS "guid!", status AS "status!", phone_num, email FROM agent
        WHERE email_bidx = $1 AND status <> 'deleted'
        UNION ALL
        SELECT guid, status, phone_num, email FROM agent
        WHERE email_bidx IS NULL AND email = ANY($2) AND status <> 'deleted'
        LIMIT 2
        "#,
        index,
        older_forms,
    )
    .fetch_all(pool)
    .await?;
    rows.into_iter().map(|row| contact_row!(row)).collect()
}

/// A code about to be stored, as its hash.
#[derive(Clone, Debug)]
pub struct NewCode<'a> {
    pub id: Uuid,
    pub purpose: Purpose,
    /// Keyed hash of all that the code is good for.
    pub subject_key: &'a [u8; 32],
    /// `None` for an account that does not exist.
    pub agent: Option<AgentGuid>,
    /// 0 where no brand was resolved (Q-73).
    pub brand_id: i64,
    pub contact_hash: Option<&'a str>,
    pub code_hash: &'a [u8; 32],
    /// It goes to a phone. One that does not is dead from the start and ends no other.
    pub sent: bool,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// Stores a code and ends the older ones of the same purpose. Requests at once take turns, so
/// that exactly one of their codes stays good.
///
/// # Errors
/// A statement failed.
pub async fn issue(tx: &mut Tx, code: &NewCode<'_>) -> Result<(), DbError> {
    let turn = code.agent.map_or_else(
        || i64::from_be_bytes(first_eight(code.subject_key)),
        |agent| agent.0,
    );
    sqlx::query!(
        r#"SELECT pg_advisory_xact_lock(hashtextextended($1, $2))"#,
        code.purpose.as_str(),
        turn
    )
    .execute(tx.conn())
    .await?;
    sqlx::query!(
        r#"
        WITH ended AS (
            UPDATE agent_recovery SET superseded_at = $8
            WHERE $10 AND (subject_key = $3 OR (agent_id = $4 AND purpose = $2))
              AND consumed_at IS NULL AND superseded_at IS NULL
        )
        INSERT INTO agent_recovery (id, purpose, subject_key, agent_id, brand_id, contact_hash, code_hash,
                                    created_at, expires_at, superseded_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, CASE WHEN NOT $10 THEN $8 END)
        "#,
        code.id,
        code.purpose.as_str(),
        code.subject_key,
        code.agent.map(|agent| agent.0),
        code.brand_id,
        code.contact_hash,
        code.code_hash,
        code.created_at,
        code.expires_at,
        code.sent,
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn first_eight(key: &[u8; 32]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = *key;
    [a, b, c, d, e, f, g, h]
}

/// What a guess came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the code.
    Right,
    Wrong,
    /// Not evaluated: the code saw as many guesses as it allows.
    UsedUp,
    /// Not evaluated.
    Expired,
    /// Not evaluated: the code was used, or ended by a newer one, a new password or a new phone.
    Ended,
}

/// A guess, with what is known of the code that it was held against.
#[derive(Clone, Debug)]
pub struct Guess {
    pub id: Uuid,
    pub agent: Option<AgentGuid>,
    pub brand_id: i64,
    pub contact_hash: Option<String>,
    pub verdict: Verdict,
}

/// Counts a guess at the newest code of a subject and evaluates it in one step: however many
/// arrive at once, no more than `most` are ever evaluated, and an expired, used or ended code is
/// none. `None` where no code was ever asked for.
///
/// A code that is no good any more is written to like one that is: a newer request ends the code
/// of an account that exists, so a difference in work would tell whether it does (P-183).
///
/// # Errors
/// The statement failed.
pub async fn guess(
    pool: &Pool,
    subject_key: &[u8; 32],
    code_hash: &[u8; 32],
    most: i16,
    now: DateTime<Utc>,
) -> Result<Option<Guess>, DbError> {
    let row = sqlx::query!(
        r#"
        UPDATE agent_recovery SET attempts = least(attempts + 1, $3::smallint + 1)
        WHERE id = (SELECT id FROM agent_recovery WHERE subject_key = $1
                    ORDER BY consumed_at IS NOT NULL OR superseded_at IS NOT NULL, created_at DESC LIMIT 1)
        RETURNING id, agent_id, brand_id, contact_hash::text,
                  CASE WHEN consumed_at IS NOT NULL OR superseded_at IS NOT NULL OR verified_at IS NOT NULL
                           THEN CASE WHEN attempts > $3 THEN 'used_up' ELSE 'ended' END
                       WHEN expires_at <= $4 THEN 'expired'
                       WHEN attempts > $3 THEN 'used_up'
                       WHEN code_hash = $2 AND agent_id IS NOT NULL THEN 'right'
                       ELSE 'wrong' END AS "verdict!"
        "#,
        subject_key,
        code_hash,
        most,
        now,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| Guess {
        id: row.id,
        agent: row.agent_id.map(AgentGuid),
        brand_id: row.brand_id,
        contact_hash: row.contact_hash,
        verdict: match row.verdict.as_str() {
            "right" => Verdict::Right,
            "wrong" => Verdict::Wrong,
            "used_up" => Verdict::UsedUp,
            "expired" => Verdict::Expired,
            _ => Verdict::Ended,
        },
    }))
}

/// Marks a code as proven; `false` when another request was faster. A proven recovery can be
/// reset once until `reset_until`.
///
/// # Errors
/// The statement failed.
pub async fn mark_verified(
    tx: &mut Tx,
    id: Uuid,
    now: DateTime<Utc>,
    reset_until: DateTime<Utc>,
) -> Result<bool, DbError> {
    let marked = sqlx::query!(
        r#"
        UPDATE agent_recovery SET verified_at = $2, expires_at = $3
        WHERE id = $1 AND verified_at IS NULL AND consumed_at IS NULL AND superseded_at IS NULL
        "#,
        id,
        now,
        reset_until,
    )
    .execute(tx.conn())
    .await?;
    Ok(marked.rows_affected() == 1)
}

/// A proven recovery that was not used yet.
#[derive(Clone, Debug)]
pub struct ProvenRecovery {
    pub agent: AgentGuid,
    pub contact_hash: Option<String>,
}

/// # Errors
/// The statement failed.
pub async fn proven(
    pool: &Pool,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<ProvenRecovery>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT agent_id AS "agent_id!", contact_hash::text
        FROM agent_recovery
        WHERE id = $1 AND purpose = 'recovery' AND agent_id IS NOT NULL AND verified_at IS NOT NULL
          AND consumed_at IS NULL AND superseded_at IS NULL AND expires_at > $2
        "#,
        id,
        now,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row.map(|row| ProvenRecovery {
        agent: AgentGuid(row.agent_id),
        contact_hash: row.contact_hash,
    }))
}

/// Deletes codes that expired before `before`, at most `limit`; tells how many.
///
/// # Errors
/// The statement failed.
pub async fn sweep(pool: &Pool, before: DateTime<Utc>, limit: i64) -> Result<u64, DbError> {
    let swept = sqlx::query!(
        r#"
        DELETE FROM agent_recovery WHERE id IN (
            SELECT id FROM agent_recovery WHERE expires_at < $1 ORDER BY expires_at LIMIT $2
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
    /// Uses a code up; `false` when another request was faster, or a newer code, a new password or
    /// a new phone ended it.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn consume_code(&mut self, id: Uuid, now: DateTime<Utc>) -> Result<bool, DbError> {
        let used = sqlx::query!(
            r#"
            UPDATE agent_recovery SET consumed_at = $2
            WHERE id = $1 AND consumed_at IS NULL AND superseded_at IS NULL AND expires_at > $2
            "#,
            id,
            now,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(used.rows_affected() == 1)
    }
}
