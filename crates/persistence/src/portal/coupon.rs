//! What an agent may grant: the templates of a brand, and the quota of a month.

use agent_domain::{
    AgentGuid, BrandScope,
    portal::coupon::{Quota, QuotaPeriod},
};
use rust_decimal::Decimal;

use crate::{error::DbError, pool::Pool};

/// A kind of coupon that may be granted.
#[derive(Clone, Debug)]
pub struct TemplateRow {
    pub template_id: i64,
    pub name: String,
    /// In the brand's currency.
    pub amount: Decimal,
    /// Times that the amount must be wagered.
    pub wagering: Decimal,
    pub valid_days: i32,
}

/// The brand's enabled templates.
///
/// # Errors
/// The statement failed.
pub async fn templates(pool: &Pool, scope: &BrandScope) -> Result<Vec<TemplateRow>, DbError> {
    let rows = sqlx::query_as!(
        TemplateRow,
        r#"
        SELECT template_id, name, amount, wagering, valid_days
        FROM coupon_template WHERE brand_id = $1 AND enabled ORDER BY template_id
        "#,
        scope.id().0,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// An agent's quota of a month; as it would begin where nothing was granted yet.
///
/// # Errors
/// The statement failed.
pub async fn quota(
    pool: &Pool,
    scope: &BrandScope,
    agent: AgentGuid,
    period: QuotaPeriod,
) -> Result<Quota, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT coalesce(q.total, s.coupon_quota_monthly, 0) AS "total!", coalesce(q.used, 0) AS "used!"
        FROM brand b
        LEFT JOIN agent_coupon_quota q ON q.agent_id = $1 AND q.brand_id = b.brand_id AND q.period = $3
        LEFT JOIN agent_setting s ON s.agent_id = $1 AND s.brand_id = b.brand_id
        WHERE b.brand_id = $2
        "#,
        agent.0,
        scope.id().0,
        period.to_string(),
    )
    .fetch_one(pool)
    .await?;
    Ok(Quota {
        total: row.total,
        used: row.used,
    })
}
