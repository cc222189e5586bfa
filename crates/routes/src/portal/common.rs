//! `/agent/common/*`.

use agent_domain::{
    Currency, Money, Problem,
    brand::MEMBERSHIP_STATES,
    portal::{
        coupon::CouponStatus, messages::MessageKind, player::PlayerStatus, sub::SubStatus,
        withdraw::WithdrawStatus,
    },
};
use agent_persistence::portal::common::{self as store, DomainRow};
use agent_services::App;
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    RouteState,
    error::{ApiError, ProblemDocument},
    extract::{SignedIn, Visited},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(agent_min_withdrawal_limit))
        .routes(routes!(enums))
        .routes(routes!(domains))
}

/// Limits of one withdrawal.
#[derive(Serialize, ToSchema)]
pub struct WithdrawalLimitView {
    #[schema(value_type = String, example = "500.0000")]
    min_amount: Money,
    #[schema(value_type = String, example = "50000.0000")]
    max_amount: Money,
    #[schema(value_type = String, example = "THB")]
    currency: Currency,
}

/// The brand of the host.
#[derive(Serialize, ToSchema)]
pub struct BrandView {
    code: String,
    name: String,
    logo_url: Option<String>,
    /// IANA name; calendar days of ranges are days of this zone.
    #[schema(example = "Asia/Bangkok")]
    timezone: String,
    #[schema(value_type = String, example = "THB")]
    currency: Currency,
}

/// Values that a frontend shows by name.
#[derive(Serialize, ToSchema)]
pub struct EnumsView {
    /// States of an agent.
    agent_status: Vec<&'static str>,
    /// How an agent stands on a brand.
    brand_status: Vec<&'static str>,
    coupon_status: Vec<&'static str>,
    message_kind: Vec<&'static str>,
    player_status: Vec<&'static str>,
    withdraw_status: Vec<&'static str>,
}

/// Limits of one withdrawal for this agent on this brand.
#[utoipa::path(get, path = "/agent/common/agent_min_withdrawal_limit", tag = "common", responses(
    (status = 200, description = "The limits", body = WithdrawalLimitView),
))]
pub async fn agent_min_withdrawal_limit(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
) -> Result<Json<WithdrawalLimitView>, ApiError> {
    let limits = store::withdrawal_limits(app.core.db.pool(), &scope, principal.agent()).await;
    let limits = limits.map_err(Problem::from)?;
    Ok(Json(WithdrawalLimitView {
        min_amount: Money(limits.min_amount),
        max_amount: Money(limits.max_amount),
        currency: scope.brand().currency,
    }))
}

/// The brand of the host, before anybody signs in.
#[utoipa::path(get, path = "/agent/common/brand", tag = "common", responses(
    (status = 200, description = "The brand", body = BrandView),
    (status = 404, description = "`not_found`: the host belongs to no brand", body = ProblemDocument),
))]
pub async fn brand(visited: Visited) -> Result<Json<BrandView>, ApiError> {
    let brand = visited.host.0.ok_or_else(Problem::not_found)?;
    Ok(Json(BrandView {
        code: brand.code.clone(),
        name: brand.name.clone(),
        logo_url: brand.logo_url.clone(),
        timezone: brand.timezone.name().to_owned(),
        currency: brand.currency,
    }))
}

/// A host that brings players to the agent.
#[derive(Serialize, ToSchema)]
pub struct DomainView {
    #[schema(example = "play.example.com")]
    domain: String,
    #[schema(schema_with = domain_status_schema)]
    status: String,
    created_at: DateTime<Utc>,
}

fn domain_status_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["active", "disabled"]))
        .build()
}

#[derive(Serialize, ToSchema)]
pub struct DomainsView {
    items: Vec<DomainView>,
}

/// The agent's own hosts on this brand, those in use first.
#[utoipa::path(get, path = "/agent/common/domains", tag = "common", responses(
    (status = 200, description = "The hosts", body = DomainsView),
))]
pub async fn domains(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
) -> Result<Json<DomainsView>, ApiError> {
    let rows = store::domains(app.core.db.pool(), &scope, principal.agent()).await;
    let view = |row: DomainRow| DomainView {
        domain: row.domain,
        status: row.status,
        created_at: row.created_at,
    };
    let items = rows.map_err(Problem::from)?.into_iter().map(view).collect();
    Ok(Json(DomainsView { items }))
}

/// Names of states and kinds.
#[utoipa::path(get, path = "/agent/common/enums", tag = "common", responses(
    (status = 200, description = "The names", body = EnumsView),
))]
pub async fn enums(_signed: SignedIn) -> Json<EnumsView> {
    Json(EnumsView {
        agent_status: SubStatus::ALL.map(SubStatus::as_str).into(),
        brand_status: MEMBERSHIP_STATES.into(),
        coupon_status: CouponStatus::ALL.map(CouponStatus::as_str).into(),
        message_kind: MessageKind::ALL.map(MessageKind::as_str).into(),
        player_status: PlayerStatus::ALL.map(PlayerStatus::as_str).into(),
        withdraw_status: WithdrawStatus::ALL.map(WithdrawStatus::as_str).into(),
    })
}
