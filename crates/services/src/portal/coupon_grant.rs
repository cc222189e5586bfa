//! Giving coupons to players (P-037, Q-25, Q-88).

use agent_crypto::random;
use agent_domain::{
    BrandScope, Code, DomainEvent, EventBody, Money, Problem,
    event::CouponMoved,
    portal::coupon::{CouponStatus, QuotaPeriod, expiry},
};
use agent_persistence::{
    AuditEntry, Tx, outbox,
    portal::coupon_grant::{self as store, LockedQuota, NewCoupons, Template},
};
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    app::App,
    core::{Stopped, retrying},
    portal::{
        pace::count_change,
        repeatable::{Begun, Repeatable},
    },
    session::Principal,
};

/// The route that an idempotency key belongs to; its alias shares it.
const GRANT: &str = "POST /agent/coupon/grant";

/// What an agent asks for: one coupon for each player, or none at all.
#[derive(Clone, Debug)]
pub struct GrantRequest {
    pub template: i64,
    /// Between 1 and [`agent_domain::portal::coupon::MAX_AT_ONCE`], all different.
    pub players: Vec<i64>,
    pub remark: Option<String>,
    pub idempotency_key: Option<String>,
}

/// A coupon that was granted; stored with the idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct GrantedCoupon {
    pub coupon_id: i64,
    pub player_id: i64,
    pub status: CouponStatus,
}

/// Makes the coupons and draws their amount from the quota of the month: quota, coupons, log,
/// audit row and events in one transaction. The same idempotency key gives the stored answer.
///
/// # Errors
/// `not_found` for a template that is not an enabled one of the brand, and for a player who is not
/// the agent's or whose account is closed; `coupon_quota_exceeded`; `idempotency_conflict`;
/// `rate_limited`; `unavailable`. Then nothing has changed.
pub async fn grant(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    request: &GrantRequest,
) -> Result<Vec<GrantedCoupon>, Problem> {
    let hash = request_hash(app, scope, request);
    let key = request.idempotency_key.as_deref();
    let write = Repeatable::new(principal.agent(), GRANT, key, &hash);
    if let Some(answer) = write.stored(app).await? {
        return Ok(answer);
    }
    count_change(app, principal.agent()).await?;
    retrying(|| attempt(app, principal, scope, request, write)).await
}

/// Covers every member that the request may differ in, and the brand.
fn request_hash(app: &App, scope: &BrandScope, request: &GrantRequest) -> [u8; 32] {
    let members = json!([
        scope.id(),
        request.template,
        request.players,
        request.remark
    ]);
    app.keys.request_hash(members.to_string().as_bytes())
}

async fn attempt(
    app: &App,
    principal: &Principal,
    scope: &BrandScope,
    request: &GrantRequest,
    write: Repeatable<'_>,
) -> Result<Vec<GrantedCoupon>, Stopped> {
    let mut tx = match write.begin(app).await? {
        Begun::Now(tx) => tx,
        Begun::Before(answer) => return Ok(answer),
    };
    let granted = book(app, &mut tx, principal, scope, request).await?;
    write.commit(app, tx, &granted).await?;
    Ok(granted)
}

async fn book(
    app: &App,
    tx: &mut Tx,
    principal: &Principal,
    scope: &BrandScope,
    request: &GrantRequest,
) -> Result<Vec<GrantedCoupon>, Stopped> {
    let agent = principal.agent();
    let template = store::template(tx, scope, request.template).await?;
    let template = template.ok_or_else(Problem::not_found)?;
    let players = request.players.as_slice();
    let grantable = store::count_grantable(tx, scope, agent, players).await?;
    if usize::try_from(grantable) != Ok(players.len()) {
        return Err(Problem::not_found().into());
    }
    // One instant decides about the month of the quota and dates the coupons.
    let now = app.core.clock.now();
    let period = QuotaPeriod::of(scope.brand().day_of(now));
    let quota = store::open_quota(tx, scope, agent, period).await?;
    let amount = check_amount(&quota, &template, players)?;
    let ids = store::next_ids(tx, grantable).await?;
    let (operator, remark) = (principal.operator_id(), request.remark.as_deref());
    let expires_at = expiry(now, template.valid_days.unsigned_abs());
    let mut audited = tx
        .audited(&AuditEntry {
            operator_id: &operator,
            resource: "coupon",
            resource_id: joined(&ids),
            action: "AGENT_COUPON_GRANT",
            brand_id: scope.id().0,
            old_value: Some(json!({ "quota_used": Money(quota.quota().used) })),
            new_value: Some(json!({
                "quota_used": Money(quota.quota().used + amount), "quota_period": period.to_string(),
                "template_id": template.id, "amount": Money(template.amount), "player_ids": players,
                "status": CouponStatus::Granted,
            })),
            at: now,
        })
        .await?;
    let coupons = NewCoupons {
        ids: &ids,
        players,
        template: &template,
        remark,
        actor: &operator,
        at: now,
        expires_at,
    };
    audited.grant_coupons(&quota, &coupons).await?;
    announce(tx, principal, scope, &coupons).await?;
    Ok(answer(&coupons))
}

/// The amount of all coupons, if it fits into what is left.
fn check_amount(
    quota: &LockedQuota,
    template: &Template,
    players: &[i64],
) -> Result<Decimal, Problem> {
    let amount = template.amount * Decimal::from(players.len());
    if amount > quota.quota().remaining() {
        let detail = "the amount is more than what is left of this month's quota";
        return Err(Problem::new(Code::CouponQuotaExceeded, detail));
    }
    Ok(amount)
}

/// The audit row names every coupon that it is about.
pub(super) fn joined(ids: &[i64]) -> String {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    ids.join(",")
}

async fn announce(
    tx: &mut Tx,
    principal: &Principal,
    scope: &BrandScope,
    coupons: &NewCoupons<'_>,
) -> Result<(), Stopped> {
    let granted = |(coupon_id, player_id): (&i64, &i64)| CouponMoved {
        agent_id: principal.agent(),
        coupon_id: *coupon_id,
        player_id: *player_id,
        template_id: coupons.template.id,
        amount: Money(coupons.template.amount),
        currency: scope.brand().currency,
        expires_at: coupons.expires_at,
    };
    let pairs = coupons.ids.iter().zip(coupons.players).map(granted);
    let events: Vec<DomainEvent> = pairs
        .map(|granted| event(scope, coupons.at, EventBody::CouponGranted(granted)))
        .collect();
    Ok(outbox::append_all(tx, &events).await?)
}

pub(super) fn event(scope: &BrandScope, at: DateTime<Utc>, body: EventBody) -> DomainEvent {
    DomainEvent {
        event_id: random::uuid_v7(at),
        brand_id: scope.id(),
        occurred_at: at,
        body,
    }
}

fn answer(coupons: &NewCoupons<'_>) -> Vec<GrantedCoupon> {
    let pairs = coupons.ids.iter().zip(coupons.players);
    let granted = pairs.map(|(coupon_id, player_id)| GrantedCoupon {
        coupon_id: *coupon_id,
        player_id: *player_id,
        status: CouponStatus::Granted,
    });
    granted.collect()
}
