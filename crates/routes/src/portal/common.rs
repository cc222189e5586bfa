//! `/agent/common/*`.

use agent_domain::{Currency, Money, Problem, portal::withdraw::WithdrawStatus};
use agent_persistence::portal::common as store;
use agent_services::App;
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    error::{ApiError, ProblemDocument},
    extract::{SignedIn, Visited},
};

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

/// Names of states and kinds.
#[utoipa::path(get, path = "/agent/common/enums", tag = "common", responses(
    (status = 200, description = "The names", body = EnumsView),
))]
pub async fn enums(_signed: SignedIn) -> Json<EnumsView> {
    let withdraw_status = WithdrawStatus::ALL.into_iter().map(WithdrawStatus::as_str);
    Json(EnumsView {
        withdraw_status: withdraw_status.collect(),
    })
}
