//! `/agent/info` and `/agent/top_info`.

use agent_domain::{Currency, Money, Problem};
use agent_persistence::portal::profile as store;
use agent_services::portal::profile;
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{error::ApiError, extract::SignedIn, state::RouteState};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(info))
        .routes(routes!(top_info))
}

/// The agent's own profile; contacts are masked.
#[derive(Serialize, ToSchema)]
pub struct InfoView {
    guid: i64,
    username: String,
    nick_name: Option<String>,
    #[schema(example = "***5678")]
    phone_masked: Option<String>,
    #[schema(example = "d***@example.com")]
    email_masked: Option<String>,
    /// The default payout card.
    bank: Option<BankSummary>,
    level: i16,
    invite_code: String,
    /// Brands that the agent may serve.
    brands: Vec<BrandSummary>,
    payout_password_set: bool,
    created_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
}

#[derive(Serialize, ToSchema)]
pub struct BankSummary {
    pub(super) name: String,
    #[schema(example = "8891")]
    pub(super) last4: String,
}

#[derive(Serialize, ToSchema)]
pub struct BrandSummary {
    brand_id: i64,
    code: String,
    name: String,
}

/// What the header of every page shows.
#[derive(Serialize, ToSchema)]
pub struct TopInfoView {
    nick_name: String,
    /// Available money.
    #[schema(value_type = String, example = "25000.0000")]
    balance: Money,
    /// Money held by open withdrawals.
    #[schema(value_type = String, example = "0.0000")]
    frozen: Money,
    #[schema(value_type = String, example = "THB")]
    currency: Currency,
    #[schema(minimum = 0)]
    unread_count: i64,
    brand: BrandStrip,
}

#[derive(Serialize, ToSchema)]
pub struct BrandStrip {
    name: String,
    logo_url: Option<String>,
}

/// Own profile.
#[utoipa::path(get, path = "/agent/info", tag = "auth", responses(
    (status = 200, description = "The profile", body = InfoView),
))]
pub async fn info(
    State(state): State<RouteState>,
    signed: SignedIn,
) -> Result<Json<InfoView>, ApiError> {
    let profile = profile::profile(&state.app, &signed.principal).await?;
    let brands = state.guard.enabled_brands(signed.principal.agent()).await?;
    let row = profile.row;
    Ok(Json(InfoView {
        guid: row.guid,
        username: row.username,
        nick_name: row.nick_name,
        phone_masked: profile.phone_masked,
        email_masked: profile.email_masked,
        bank: row
            .bank_name
            .zip(row.bank_last4)
            .map(|(name, last4)| BankSummary { name, last4 }),
        level: row.level,
        invite_code: row.invite_code,
        brands: brands
            .iter()
            .map(|brand| BrandSummary {
                brand_id: brand.id.0,
                code: brand.code.clone(),
                name: brand.name.clone(),
            })
            .collect(),
        payout_password_set: row.payout_password_set,
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    }))
}

/// The header strip: balance, unread messages, brand.
#[utoipa::path(get, path = "/agent/top_info", tag = "auth", responses(
    (status = 200, description = "The strip", body = TopInfoView),
))]
pub async fn top_info(
    State(state): State<RouteState>,
    SignedIn { principal, scope }: SignedIn,
) -> Result<Json<TopInfoView>, ApiError> {
    let core = &state.app.core;
    let row = store::top_info(core.db.pool(), &scope, principal.agent(), core.clock.now()).await;
    let row = row
        .map_err(Problem::from)?
        .ok_or_else(Problem::unauthenticated)?;
    let brand = scope.brand();
    Ok(Json(TopInfoView {
        nick_name: row.nick_name,
        balance: Money(row.available),
        frozen: Money(row.frozen),
        currency: brand.currency,
        unread_count: row.unread,
        brand: BrandStrip {
            name: brand.name.clone(),
            logo_url: brand.logo_url.clone(),
        },
    }))
}
