//! The agent's own profile and the header strip.

use agent_domain::{AgentGuid, BrandScope};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{error::DbError, pool::Pool};

/// The profile as stored; contacts are ciphertext.
pub struct ProfileRow {
    pub guid: i64,
    pub username: String,
    pub nick_name: Option<String>,
    pub phone_num: Option<String>,
    pub email: Option<String>,
    pub bank_name: Option<String>,
    pub bank_last4: Option<String>,
    pub level: i16,
    pub invite_code: String,
    pub payout_password_set: bool,
    pub created_at: DateTime<Utc>,
    pub last_login_at: Option<DateTime<Utc>>,
}

/// # Errors
/// The statement failed.
pub async fn profile(pool: &Pool, agent: AgentGuid) -> Result<Option<ProfileRow>, DbError> {
    let row = sqlx::query_as!(
        ProfileRow,
        r#"
        SELECT a.guid, a.username, a.nick_name, a.phone_num, a.email, b.name AS "bank_name?",
               c.card_last4::text AS "bank_last4?", a.level, a.invite_code,
               a.payout_password_hash IS NOT NULL AS "payout_password_set!", a.created_at, a.last_login_at
        FROM agent a
        LEFT JOIN agent_bank_card c ON c.agent_id = a.guid AND c.is_default AND c.deleted_at IS NULL
        LEFT JOIN bank b ON b.bank_id = c.bank_id
        WHERE a.guid = $1
        "#,
        agent.0,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}

/// What the header of every page shows.
#[derive(Clone, Debug)]
pub struct TopInfoRow {
    pub nick_name: String,
    pub available: Decimal,
    pub frozen: Decimal,
    pub unread: i64,
}

/// # Errors
/// The statement failed.
pub async fn top_info(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    now: DateTime<Utc>,
) -> Result<Option<TopInfoRow>, DbError> {
    let row = sqlx::query_as!(
        TopInfoRow,
        r#"
        SELECT coalesce(a.nick_name, a.username) AS "nick_name!",
               coalesce(acc.available, 0) AS "available!", coalesce(acc.frozen, 0) AS "frozen!",
               (SELECT count(*) FROM visible_message($1, $2, $4) WHERE NOT is_read)
                   AS "unread!"
        FROM agent a
        LEFT JOIN agent_account acc ON acc.agent_id = a.guid AND acc.brand_id = $2 AND acc.currency = $3
        WHERE a.guid = $1
        "#,
        agent.0,
        scope.id().0,
        scope.brand().currency.as_str(),
        now,
    )
    .fetch_optional(pool)
    .await?;
    Ok(row)
}
