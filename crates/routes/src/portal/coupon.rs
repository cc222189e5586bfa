//! `/agent/coupon/*`: what may be granted, granting, taking back.

use std::collections::BTreeSet;

use agent_domain::{
    Money, Problem,
    portal::coupon::{CouponStatus, MAX_AT_ONCE},
};
use agent_persistence::portal::coupon::TemplateRow;
use agent_services::{
    App,
    export::Opening,
    portal::{
        coupon::{self, Grantable},
        coupon_grant::{self, GrantRequest, GrantedCoupon},
        coupon_recycle::{self, RecycleRequest},
    },
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{IdempotencyKey, QueryParams, SignedIn, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(grant))
        .routes(routes!(recycle))
}

/// What may be granted.
#[derive(Serialize, ToSchema)]
pub struct GrantableView {
    quota: QuotaView,
    items: Vec<TemplateView>,
}

/// Amounts of this month, in the brand's currency.
#[derive(Serialize, ToSchema)]
pub struct QuotaView {
    #[schema(value_type = String, example = "20000.0000")]
    total: Money,
    /// Granted and not recycled.
    #[schema(value_type = String, example = "1500.0000")]
    used: Money,
    #[schema(value_type = String, example = "18500.0000")]
    remaining: Money,
    /// When the next month begins in the brand's time zone.
    resets_at: DateTime<Utc>,
}

/// A kind of coupon.
#[derive(Serialize, ToSchema)]
pub struct TemplateView {
    template_id: i64,
    name: String,
    #[schema(value_type = String, example = "100.0000")]
    amount: Money,
    /// Times that the amount must be wagered.
    #[schema(value_type = String, example = "3.0000")]
    wagering: Money,
    /// Days from the grant until the coupon expires.
    #[schema(minimum = 1)]
    valid_days: i32,
}

columns!(TemplateView: template_id, name, amount, wagering, valid_days);

/// One coupon for each player.
#[derive(Deserialize, Validate, ToSchema)]
pub struct GrantBody {
    #[garde(skip)]
    template_id: i64,
    /// One player; or else `player_ids`.
    #[garde(skip)]
    player_id: Option<i64>,
    /// Up to 100 players, all different.
    #[garde(inner(length(min = 1, max = MAX_AT_ONCE)))]
    #[schema(value_type = Option<BTreeSet<i64>>, min_items = 1, max_items = 100)]
    player_ids: Option<Vec<i64>>,
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    remark: Option<String>,
}

/// Coupons to take back.
#[derive(Deserialize, Validate, ToSchema)]
pub struct RecycleBody {
    /// One coupon; or else `coupon_ids`.
    #[garde(skip)]
    coupon_id: Option<i64>,
    /// Up to 100 coupons, all different.
    #[garde(inner(length(min = 1, max = MAX_AT_ONCE)))]
    #[schema(value_type = Option<BTreeSet<i64>>, min_items = 1, max_items = 100)]
    coupon_ids: Option<Vec<i64>>,
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    reason: Option<String>,
}

/// The coupons that were granted, in the order of the players.
#[derive(Serialize, ToSchema)]
pub struct GrantedView {
    items: Vec<GrantedCouponView>,
}

#[derive(Serialize, ToSchema)]
pub struct GrantedCouponView {
    coupon_id: i64,
    player_id: i64,
    #[schema(schema_with = status_schema)]
    status: CouponStatus,
}

/// The coupons that were taken back, in the order of the request.
#[derive(Serialize, ToSchema)]
pub struct RecycledView {
    items: Vec<RecycledCouponView>,
}

#[derive(Serialize, ToSchema)]
pub struct RecycledCouponView {
    coupon_id: i64,
    #[schema(schema_with = status_schema)]
    status: CouponStatus,
}

pub(super) fn status_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(CouponStatus::ALL.map(CouponStatus::as_str)))
        .build()
}

/// The kinds of coupons of the brand, and what is left of this month's quota.
#[utoipa::path(get, path = "/agent/coupon/list", tag = "coupon", params(FormatQuery), responses(
    (status = 200, description = "Quota and templates; CSV has the templates", body = GrantableView),
))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "coupon_templates")?;
        let found = coupon::grantable(&app, &principal, &scope).await?;
        let (all, today) = (opening.ready(found.templates)?, csv::today(&app, &scope));
        return Ok(csv::answer(all, TemplateView::from, &scope, today));
    }
    let Grantable {
        quota,
        resets_at,
        templates,
    } = coupon::grantable(&app, &principal, &scope).await?;
    Ok(Json(GrantableView {
        quota: QuotaView {
            total: Money(quota.total),
            used: Money(quota.used),
            remaining: Money(quota.remaining()),
            resets_at,
        },
        items: templates.into_iter().map(TemplateView::from).collect(),
    })
    .into_response())
}

impl From<TemplateRow> for TemplateView {
    fn from(row: TemplateRow) -> Self {
        Self {
            template_id: row.template_id,
            name: row.name,
            amount: Money(row.amount),
            wagering: Money(row.wagering),
            valid_days: row.valid_days,
        }
    }
}

/// Give players coupons: all of them, or none.
///
/// Players are those of the agent and of the agents below it. The amount is drawn from this
/// month's quota. With an `Idempotency-Key` the same request may be sent again: it gives the stored
/// answer for 24 hours.
#[utoipa::path(post, path = "/agent/coupon/grant", tag = "coupon", request_body = GrantBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters",
        min_length = 1, max_length = 255)),
    responses(
        (status = 201, description = "Granted", body = GrantedView),
        (status = 404, description = "`not_found`: no such template, or not such a player", body = ProblemDocument),
        (status = 409, description = "`coupon_quota_exceeded`, `idempotency_conflict`", body = ProblemDocument),
    ))]
pub async fn grant(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    key: Option<IdempotencyKey>,
    Valid(body): Valid<GrantBody>,
) -> Result<(StatusCode, Json<GrantedView>), ApiError> {
    let request = GrantRequest {
        template: body.template_id,
        players: one_or_many(body.player_id, body.player_ids, "player_ids")?,
        remark: body.remark,
        idempotency_key: key.map(|key| key.as_str().to_owned()),
    };
    let granted = coupon_grant::grant(&app, &principal, &scope, &request).await?;
    let items = granted.into_iter().map(GrantedCouponView::from).collect();
    Ok((StatusCode::CREATED, Json(GrantedView { items })))
}

impl From<GrantedCoupon> for GrantedCouponView {
    fn from(coupon: GrantedCoupon) -> Self {
        Self {
            coupon_id: coupon.coupon_id,
            player_id: coupon.player_id,
            status: coupon.status,
        }
    }
}

/// Take back coupons that were not used: all of them, or none.
///
/// Only the agent that granted a coupon takes it back. Its amount goes back into the quota of the
/// month in which it was granted.
#[utoipa::path(post, path = "/agent/coupon/recycle", tag = "coupon", request_body = RecycleBody,
    responses(
        (status = 200, description = "Recycled", body = RecycledView),
        (status = 404, description = "`not_found`", body = ProblemDocument),
        (status = 409, description = "`coupon_not_recyclable`: used, recycled or expired", body = ProblemDocument),
    ))]
pub async fn recycle(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    Valid(body): Valid<RecycleBody>,
) -> Result<Json<RecycledView>, ApiError> {
    let request = RecycleRequest {
        coupons: one_or_many(body.coupon_id, body.coupon_ids, "coupon_ids")?,
        reason: body.reason,
    };
    coupon_recycle::recycle(&app, &principal, &scope, &request).await?;
    let recycled = |coupon_id| RecycledCouponView {
        coupon_id,
        status: CouponStatus::Recycled,
    };
    let items = request.coupons.into_iter().map(recycled).collect();
    Ok(Json(RecycledView { items }))
}

/// The ids of a request that names one or several, in its order.
fn one_or_many(
    one: Option<i64>,
    many: Option<Vec<i64>>,
    many_field: &str,
) -> Result<Vec<i64>, Problem> {
    let ids = match (one, many) {
        (Some(id), None) => vec![id],
        (None, Some(ids)) => ids,
        _ => return Err(Problem::field(many_field, "send either one id, or a list")),
    };
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        return Err(Problem::field(many_field, "must all be different"));
    }
    Ok(ids)
}
