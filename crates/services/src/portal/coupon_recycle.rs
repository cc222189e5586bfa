//! Taking back coupons that were not used (P-038, Q-25).

use agent_domain::{
    BrandScope, Code, DomainEvent, EventBody, Money, Problem, event::CouponMoved,
    portal::coupon::CouponStatus,
};
use agent_persistence::{
    AuditEntry, Tx, outbox,
    portal::coupon_recycle::{self as store, LockedCoupon},
};
use chrono::{DateTime, Utc};
use serde_json::json;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::coupon_grant::{event, joined},
    session::Principal,
};

/// Which coupons an agent takes back: all of them, or none.
#[derive(Clone, Debug)]
pub struct RecycleRequest {
    /// Between 1 and [`agent_domain::portal::coupon::MAX_AT_ONCE`], all different.
    pub coupons: Vec<i64>,
    pub reason: Option<String>,
}

/// Ends the coupons and gives their amount back to the quota of the month in which they were
/// granted: coupons, quota, log, audit row and events in one transaction.
///
/// # Errors
/// `not_found` for a coupon that the agent did not grant on the brand; `coupon_not_recyclable` for
/// one that was used, recycled or has expired; `unavailable`. Then nothing has changed.
pub async fn recycle(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    request: &RecycleRequest,
) -> Result<(), Problem> {
    retrying(|| attempt(app, principal, scope, request)).await
}

async fn attempt(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    request: &RecycleRequest,
) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let ids = &request.coupons;
    let coupons = store::lock_coupons(&mut tx, scope, principal.agent(), ids).await?;
    if coupons.len() != ids.len() {
        return Err(Problem::not_found().into());
    }
    // Read after the wait for the locks: a coupon may have expired meanwhile.
    let now = app.core.clock.now();
    check(&coupons, now)?;
    let (operator, reason) = (principal.operator_id(), request.reason.as_deref());
    let ids: Vec<i64> = coupons.iter().map(|coupon| coupon.coupon_id).collect();
    let entry = AuditEntry {
        operator_id: &operator,
        resource: "coupon",
        resource_id: joined(&ids),
        action: "AGENT_COUPON_RECYCLE",
        brand_id: scope.id().0,
        old_value: Some(json!({ "status": CouponStatus::Granted })),
        new_value: Some(json!({ "status": CouponStatus::Recycled })),
        at: now,
    };
    let mut audited = tx.audited(&entry).await?;
    audited
        .recycle_coupons(&coupons, reason, &operator, now)
        .await?;
    announce(&mut tx, principal, scope, &coupons, now).await?;
    app.core.commit(tx).await?;
    Ok(())
}

fn check(coupons: &[LockedCoupon], now: DateTime<Utc>) -> Result<(), Problem> {
    let recyclable = |coupon: &LockedCoupon| coupon.status.is_recyclable(coupon.expires_at, now);
    if coupons.iter().all(recyclable) {
        return Ok(());
    }
    let detail = "a coupon was used, recycled or has expired";
    Err(Problem::new(Code::CouponNotRecyclable, detail))
}

async fn announce(
    tx: &mut Tx,
    principal: &Principal,
    scope: &BrandScope,
    coupons: &[LockedCoupon],
    now: DateTime<Utc>,
) -> Result<(), Stopped> {
    let recycled = |coupon: &LockedCoupon| CouponMoved {
        agent_id: principal.agent(),
        coupon_id: coupon.coupon_id,
        player_id: coupon.player_id,
        template_id: coupon.template_id,
        amount: Money(coupon.amount),
        currency: scope.brand().currency,
        expires_at: coupon.expires_at,
    };
    let events: Vec<DomainEvent> = coupons
        .iter()
        .map(|coupon| event(scope, now, EventBody::CouponRecycled(recycled(coupon))))
        .collect();
    Ok(outbox::append_all(tx, &events).await?)
}
