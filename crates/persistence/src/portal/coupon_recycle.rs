//! Taking coupons back: their locks, their new state, and the quotas they were drawn from.

use agent_domain::{AgentGuid, BrandScope, portal::coupon::CouponStatus};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::{audit::AuditedTx, error::DbError, tx::Tx};

/// A coupon under a row lock.
#[derive(Clone, Debug)]
pub struct LockedCoupon {
    pub coupon_id: i64,
    pub player_id: i64,
    pub template_id: i64,
    pub amount: Decimal,
    pub status: CouponStatus,
    pub expires_at: DateTime<Utc>,
}

/// Locks those of the given coupons that the agent granted on the brand, in the order of their ids,
/// and then the quotas that they were drawn from, in the order of the months.
///
/// # Errors
/// A statement failed or waited too long.
pub async fn lock_coupons(
    tx: &mut Tx,
    scope: &BrandScope,
    agent: AgentGuid,
    ids: &[i64],
) -> Result<Vec<LockedCoupon>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT coupon_id, player_id, template_id, amount, status, expires_at
        FROM coupon WHERE coupon_id = ANY($1) AND agent_id = $2 AND brand_id = $3 ORDER BY coupon_id FOR UPDATE
        "#,
        ids,
        agent.0,
        scope.id().0,
    )
    .fetch_all(tx.conn())
    .await?;
    sqlx::query!(
        r#"
        SELECT q.period FROM agent_coupon_quota q
        WHERE q.agent_id = $2 AND q.brand_id = $3
          AND q.period IN (SELECT c.quota_period FROM coupon c
                           WHERE c.coupon_id = ANY($1) AND c.agent_id = $2 AND c.brand_id = $3)
        ORDER BY q.period FOR UPDATE OF q
        "#,
        ids,
        agent.0,
        scope.id().0,
    )
    .fetch_all(tx.conn())
    .await?;
    let coupons = rows.into_iter().map(|row| {
        Ok(LockedCoupon {
            coupon_id: row.coupon_id,
            player_id: row.player_id,
            template_id: row.template_id,
            amount: row.amount,
            status: CouponStatus::parse(&row.status)
                .ok_or_else(|| DbError::inconsistent("coupon.status"))?,
            expires_at: row.expires_at,
        })
    });
    coupons.collect()
}

impl AuditedTx<'_> {
    /// Marks locked coupons as recycled, notes why, and gives their amounts back to the quotas that
    /// they were drawn from. A coupon that others granted was drawn from none.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn recycle_coupons(
        &mut self,
        coupons: &[LockedCoupon],
        reason: Option<&str>,
        actor: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        let ids: Vec<i64> = coupons.iter().map(|coupon| coupon.coupon_id).collect();
        sqlx::query!(
            r#"
            WITH recycled AS (
                UPDATE coupon SET status = 'recycled', recycled_at = $2 WHERE coupon_id = ANY($1)
                RETURNING coupon_id, agent_id, brand_id, quota_period, amount
            ), logged AS (
                INSERT INTO coupon_log (coupon_id, agent_id, action, reason, actor, created_at)
                SELECT coupon_id, agent_id, 'recycle', $3, $4, $2 FROM recycled ORDER BY coupon_id
            ), returned AS (
                SELECT agent_id, brand_id, quota_period, sum(amount) AS amount FROM recycled
                GROUP BY agent_id, brand_id, quota_period
            )
            UPDATE agent_coupon_quota q SET used = q.used - r.amount
            FROM returned r WHERE q.agent_id = r.agent_id AND q.brand_id = r.brand_id AND q.period = r.quota_period
            "#,
            &ids,
            at,
            reason,
            actor,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }
}
