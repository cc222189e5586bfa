//! Granting coupons: what may be granted to whom, the lock on the quota, the coupons themselves.

use agent_domain::{
    AgentGuid, BrandId, BrandScope,
    portal::coupon::{Quota, QuotaPeriod},
};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{audit::AuditedTx, error::DbError, tx::Tx};

/// What a coupon takes over from its template.
#[derive(Clone, Debug)]
pub struct Template {
    pub id: i64,
    pub amount: Decimal,
    pub valid_days: i32,
}

/// A template of the brand, if it is enabled.
///
/// # Errors
/// The statement failed.
pub async fn template(
    tx: &mut Tx,
    scope: &BrandScope,
    template: i64,
) -> Result<Option<Template>, DbError> {
    let row = sqlx::query_as!(
        Template,
        r#"
        SELECT template_id AS id, amount, valid_days
        FROM coupon_template WHERE template_id = $1 AND brand_id = $2 AND enabled
        "#,
        template,
        scope.id().0,
    )
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// How many of the given players may get coupons from the agent: players of the brand whom it, or
/// an agent below it, brought in, and whose accounts are not closed.
///
/// # Errors
/// The statement failed.
pub async fn count_grantable(
    tx: &mut Tx,
    scope: &BrandScope,
    asking: AgentGuid,
    players: &[i64],
) -> Result<i64, DbError> {
    let count = sqlx::query_scalar!(
        r#"
        SELECT count(*) AS "count!"
        FROM player p JOIN agent s ON s.guid = p.agent_id JOIN agent a ON a.guid = $1
        WHERE p.player_id = ANY($3) AND p.brand_id = $2 AND p.status <> 'closed' AND starts_with(s.path, a.path)
        "#,
        asking.0,
        scope.id().0,
        players,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// Proof that the quota of a month is locked until the end of the transaction.
#[derive(Debug)]
pub struct LockedQuota {
    agent: AgentGuid,
    brand: BrandId,
    period: QuotaPeriod,
    quota: Quota,
}

impl LockedQuota {
    #[must_use]
    pub fn quota(&self) -> Quota {
        self.quota
    }
}

/// Opens the quota of a month at its first use, then locks it. What is set for the agent at that
/// moment holds for the month; where nothing is set there is no quota.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn open_quota(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    period: QuotaPeriod,
) -> Result<LockedQuota, DbError> {
    let (brand, month) = (scope.id(), period.to_string());
    sqlx::query!(
        r#"
        INSERT INTO agent_coupon_quota (agent_id, brand_id, period, total)
        SELECT $1, $2, $3, coalesce((SELECT s.coupon_quota_monthly FROM agent_setting s
                                     WHERE s.agent_id = $1 AND s.brand_id = $2), 0)
        ON CONFLICT DO NOTHING
        "#,
        agent.0,
        brand.0,
        month,
    )
    .execute(tx.conn())
    .await?;
    let quota = sqlx::query_as!(
        Quota,
        r#"
        SELECT total, used FROM agent_coupon_quota
        WHERE agent_id = $1 AND brand_id = $2 AND period = $3 FOR UPDATE
        "#,
        agent.0,
        brand.0,
        month,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(LockedQuota {
        agent,
        brand,
        period,
        quota,
    })
}

/// Ids of coupons to come: the audit row that precedes them names them.
///
/// # Errors
/// The statement failed.
pub async fn next_ids(tx: &mut Tx, count: i64) -> Result<Vec<i64>, DbError> {
    let ids = sqlx::query_scalar!(
        r#"
        SELECT nextval(pg_get_serial_sequence('coupon', 'coupon_id')) AS "id!" FROM generate_series(1, $1::bigint)
        "#,
        count,
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(ids)
}

/// Coupons about to be stored: the n-th id is for the n-th player.
pub struct NewCoupons<'a> {
    pub ids: &'a [i64],
    pub players: &'a [i64],
    pub template: &'a Template,
    pub remark: Option<&'a str>,
    pub actor: &'a str,
    pub at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

impl AuditedTx<'_> {
    /// Stores coupons with their log, and draws their amount from the quota.
    ///
    /// # Errors
    /// The statement failed; the quota's own constraint is the last to refuse too large an amount.
    pub async fn grant_coupons(
        &mut self,
        quota: &LockedQuota,
        coupons: &NewCoupons<'_>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            WITH granted AS (
                INSERT INTO coupon (coupon_id, player_id, agent_id, brand_id, quota_period, template_id, amount, status,
                                    granted_at, expires_at)
                SELECT n.coupon_id, n.player_id, $3, $4, $5, $6, $7, 'granted', $8, $9
                FROM unnest($1::bigint[], $2::bigint[]) AS n (coupon_id, player_id)
                RETURNING coupon_id, amount
            ), logged AS (
                INSERT INTO coupon_log (coupon_id, agent_id, action, reason, actor, created_at)
                SELECT coupon_id, $3, 'grant', $10, $11, $8 FROM granted ORDER BY coupon_id
            )
            UPDATE agent_coupon_quota SET used = used + (SELECT sum(amount) FROM granted)
            WHERE agent_id = $3 AND brand_id = $4 AND period = $5
            "#,
            coupons.ids,
            coupons.players,
            quota.agent.0,
            quota.brand.0,
            quota.period.to_string(),
            coupons.template.id,
            coupons.template.amount,
            coupons.at,
            coupons.expires_at,
            coupons.remark,
            coupons.actor,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }
}
