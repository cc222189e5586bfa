//! What both audit logs say about an agent, for an operator who looks into a case.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::{error::DbError, pool::Pool};

/// An account that an operator named.
#[derive(Clone, Debug)]
pub struct Subject {
    pub guid: i64,
    pub username: String,
    pub status: String,
}

/// The agent of that name, whatever its case, or else of that guid. Deleted ones too.
///
/// # Errors
/// The statement failed.
pub async fn subject(pool: &Pool, name_or_guid: &str) -> Result<Option<Subject>, DbError> {
    let guid: Option<i64> = name_or_guid.parse().ok();
    let subject = sqlx::query_as!(
        Subject,
        r#"
        SELECT guid, username, status FROM agent WHERE lower(username) = lower($1) OR guid = $2
        ORDER BY lower(username) = lower($1) DESC LIMIT 1
        "#,
        name_or_guid,
        guid,
    )
    .fetch_optional(pool)
    .await?;
    Ok(subject)
}

/// One row of either log. It holds no personal data because the logs hold none (P-191, P-222).
#[derive(Clone, Debug)]
pub struct TrailRow {
    pub at: DateTime<Utc>,
    /// `recovery` for `recovery_audit`, else what `admin_audit` names as the resource.
    pub kind: String,
    /// Id of that resource; `None` for `recovery`.
    pub resource_id: Option<String>,
    pub action: String,
    /// Of `recovery` alone.
    pub outcome: Option<String>,
    /// 0 where no brand was resolved (Q-73).
    pub brand_id: i64,
    pub operator: Option<String>,
    /// The first eight hex digits (P-200).
    pub contact_hash: Option<String>,
    /// The first eight hex digits.
    pub ip_hash: Option<String>,
    pub old_value: Option<Value>,
    /// The metadata of `recovery`.
    pub new_value: Option<Value>,
}

/// The newest `limit` rows about an agent, newest first: its recoveries; changes of the account,
/// its money, cards and orders by whomever; and what it did itself.
///
/// # Errors
/// The statement failed.
pub async fn of_agent(pool: &Pool, agent: i64, limit: i64) -> Result<Vec<TrailRow>, DbError> {
    let rows = sqlx::query_as!(
        TrailRow,
        r#"
        WITH hit AS (
            (SELECT id FROM admin_audit WHERE operator_id = 'agent:' || $1::bigint
             ORDER BY created_at DESC, id DESC LIMIT $2)
            UNION
            (SELECT id FROM admin_audit WHERE resource IN ('agent', 'agent_account') AND resource_id = $1::text
             ORDER BY created_at DESC, id DESC LIMIT $2)
            UNION
            (SELECT a.id FROM agent_bank_card c
             JOIN admin_audit a ON a.resource = 'agent_bank_card' AND a.resource_id = c.id::text
             WHERE c.agent_id = $1 ORDER BY a.created_at DESC, a.id DESC LIMIT $2)
            UNION
            (SELECT a.id FROM agent_withdraw w
             JOIN admin_audit a ON a.resource = 'agent_withdraw' AND a.resource_id = w.withdraw_no
             WHERE w.agent_id = $1 ORDER BY a.created_at DESC, a.id DESC LIMIT $2)
        ), entry AS (
            SELECT id, created_at AS at, resource AS kind, resource_id, action, NULL AS outcome, brand_id,
                   operator_id AS operator, NULL AS contact_hash, NULL AS ip_hash, old_value, new_value
            FROM hit JOIN admin_audit USING (id)
            UNION ALL
            (SELECT id, created_at, 'recovery', NULL, action, outcome, brand_id, NULL, left(contact_hash::text, 8),
                    left(ip_hash::text, 8), NULL, metadata
             FROM recovery_audit WHERE subject_type = 'agent' AND subject_id = $1
             ORDER BY created_at DESC, id DESC LIMIT $2)
        )
        SELECT at AS "at!", kind AS "kind!", resource_id, action AS "action!", outcome, brand_id AS "brand_id!",
               operator, contact_hash, ip_hash, old_value, new_value
        FROM entry ORDER BY at DESC, kind = 'recovery', id DESC LIMIT $2
        "#,
        agent,
        limit,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
