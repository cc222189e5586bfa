//! Small shared reads of the portal.

use agent_domain::{AgentGuid, BrandScope};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{error::DbError, pool::Pool};

/// Limits of one withdrawal for an agent on a brand.
#[derive(Clone, Copy, Debug)]
pub struct WithdrawalLimits {
    pub min_amount: Decimal,
    pub max_amount: Decimal,
}

/// The agent's own limits where set, else the brand's (Q-27).
///
/// # Errors
/// The statement failed.
pub async fn withdrawal_limits(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
) -> Result<WithdrawalLimits, DbError> {
    let row = sqlx::query_as!(
        WithdrawalLimits,
        r#"
        SELECT coalesce(s.min_withdrawal_limit, b.withdraw_min) AS "min_amount!",
               coalesce(s.max_withdrawal_limit, b.withdraw_max) AS "max_amount!"
        FROM brand b LEFT JOIN agent_setting s ON s.brand_id = b.brand_id AND s.agent_id = $1
        WHERE b.brand_id = $2
        "#,
        agent.0,
        scope.id().0,
    )
    .fetch_one(pool)
    .await?;
    Ok(row)
}

/// A host that brings players to an agent.
#[derive(Clone, Debug)]
pub struct DomainRow {
    pub domain: String,
    pub status: String,
    pub created_at: DateTime<Utc>,
}

/// The agent's own hosts on a brand; given by the admin service, a handful at most.
///
/// # Errors
/// The statement failed.
pub async fn domains(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
) -> Result<Vec<DomainRow>, DbError> {
    let rows = sqlx::query_as!(
        DomainRow,
        r#"
        SELECT domain, status, created_at FROM agent_domain
        WHERE agent_id = $1 AND brand_id = $2 ORDER BY status, domain
        "#,
        agent.0,
        scope.id().0,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
