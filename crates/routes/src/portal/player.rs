//! `/agent/player/{player_id}`: one player.

use agent_domain::{Money, portal::coupon::CouponStatus};
use agent_persistence::portal::player::{
    CouponFilter, DaySums, PlayerCoupon, PlayerDay, PlayerDetail,
};
use agent_services::{App, export::Opening, portal::player};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    coupon,
    list::{ListView, NoSummary, PageQuery, RangeQuery},
    player_list::{PlayerAgentView, status_schema},
};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    cursor::{LedgerQuery, LedgerView, List},
    error::{ApiError, ProblemDocument},
    extract::{PathParam, QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(detail))
        .routes(routes!(daily))
        .routes(routes!(coupons))
}

/// A player.
#[derive(Serialize, ToSchema)]
pub struct PlayerView {
    player_id: i64,
    username: String,
    agent: PlayerAgentView,
    #[schema(schema_with = status_schema)]
    status: String,
    tags: Vec<String>,
    registered_at: DateTime<Utc>,
    first_deposit_at: Option<DateTime<Utc>>,
    last_login_at: Option<DateTime<Utc>>,
    lifetime: PlayerLifetimeView,
    attribution: AttributionView,
}

/// All that a player ever did for the agent and those below: what it did while it was somebody
/// else's does not count.
#[derive(Serialize, ToSchema)]
pub struct PlayerLifetimeView {
    #[schema(value_type = String, example = "40000.0000")]
    deposit_amount: Money,
    #[schema(value_type = String, example = "12000.0000")]
    withdraw_amount: Money,
    #[schema(value_type = String, example = "90000.0000")]
    bet_amount: Money,
    #[schema(value_type = String, example = "88000.0000")]
    valid_bet_amount: Money,
    #[schema(value_type = String, example = "81000.0000")]
    win_amount: Money,
    #[schema(value_type = String, example = "400.0000")]
    bonus_amount: Money,
    /// Bets less wins, bonuses, fees and royalties.
    #[schema(value_type = String, example = "7100.0000")]
    ngr: Money,
}

/// How a player came to its agent.
#[derive(Serialize, ToSchema)]
pub struct AttributionView {
    /// Host on which the player registered, where that is known.
    domain: Option<String>,
    at: Option<DateTime<Utc>>,
}

/// A player of the agent, or of one below.
#[utoipa::path(get, path = "/agent/player/{player_id}", tag = "player",
    params(("player_id" = i64, Path, description = "Number of the player")),
    responses(
        (status = 200, description = "The player", body = PlayerView),
        (status = 404, description = "`not_found`", body = ProblemDocument),
    ))]
pub async fn detail(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(id): PathParam<i64>,
) -> Result<Json<PlayerView>, ApiError> {
    let found = player::detail(&app, &principal, &scope, id).await?;
    Ok(Json(found.into()))
}

impl From<PlayerDetail> for PlayerView {
    fn from(row: PlayerDetail) -> Self {
        Self {
            player_id: row.player_id,
            username: row.username,
            agent: PlayerAgentView {
                guid: row.agent_guid,
                username: row.agent_username,
            },
            status: row.status,
            tags: row.tags,
            registered_at: row.registered_at,
            first_deposit_at: row.first_deposit_at,
            last_login_at: row.last_login_at,
            lifetime: PlayerLifetimeView {
                deposit_amount: Money(row.deposit_amount),
                withdraw_amount: Money(row.withdraw_amount),
                bet_amount: Money(row.bet_amount),
                valid_bet_amount: Money(row.valid_bet_amount),
                win_amount: Money(row.win_amount),
                bonus_amount: Money(row.bonus_amount),
                ngr: Money(row.ngr),
            },
            attribution: AttributionView {
                domain: row.attribution_domain,
                at: row.attributed_at,
            },
        }
    }
}

/// Which bets count.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ProviderQuery {
    /// Only bets with this provider, and no money in or out; 0 is money in and out alone.
    #[param(minimum = 0)]
    provider_id: Option<i32>,
}

/// A day of a player.
#[derive(Serialize, ToSchema)]
pub struct PlayerDayView {
    date: NaiveDate,
    #[serde(flatten)]
    sums: PlayerDaySumsView,
}

columns!(PlayerDayView: date, ~flat sums);

/// Money in and out, and bets.
#[derive(Serialize, ToSchema)]
pub struct PlayerDaySumsView {
    #[schema(value_type = String, example = "1500.0000")]
    deposit_amount: Money,
    #[schema(minimum = 0)]
    deposit_count: i64,
    #[schema(value_type = String, example = "0.0000")]
    withdraw_amount: Money,
    #[schema(minimum = 0)]
    withdraw_count: i64,
    #[schema(value_type = String, example = "4300.0000")]
    bet_amount: Money,
    #[schema(minimum = 0)]
    bet_count: i64,
    #[schema(value_type = String, example = "4100.0000")]
    valid_bet_amount: Money,
    #[schema(value_type = String, example = "3900.0000")]
    win_amount: Money,
    #[schema(value_type = String, example = "150.0000")]
    bonus_amount: Money,
    /// Bets less wins, bonuses, fees and royalties.
    #[schema(value_type = String, example = "232.0000")]
    ngr: Money,
}

columns!(PlayerDaySumsView: deposit_amount, deposit_count, withdraw_amount, withdraw_count, bet_amount,
    bet_count, valid_bet_amount, win_amount, bonus_amount, ngr);

/// What a player did day by day, the newest first; a day without anything shows zeros. Days before
/// the player came to the agent or one below count as such.
#[utoipa::path(get, path = "/agent/player/{player_id}/daily", tag = "player",
    params(("player_id" = i64, Path, description = "Number of the player"), PageQuery, RangeQuery, ProviderQuery, FormatQuery),
    responses(
        (status = 200, description = "One page; `summary` adds up all days", body = ListView<PlayerDayView, PlayerDaySumsView>),
        (status = 404, description = "`not_found`", body = ProblemDocument),
    ))]
pub async fn daily(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(id): PathParam<i64>,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<ProviderQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let provider = query.provider_id;
    let page = page.request()?;
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "player_daily").await?;
        let page = opening.page_and_one();
        let found = player::daily(&app, &principal, &scope, id, provider, range, page).await?;
        let all = opening.ready(found.items)?;
        return Ok(csv::answer(all, PlayerDayView::from, &scope, range));
    }
    let found = player::daily(&app, &principal, &scope, id, provider, range, page).await?;
    let (item, summary) = (PlayerDayView::from, PlayerDaySumsView::from);
    Ok(Json(ListView::new(found, item, summary)).into_response())
}

impl From<PlayerDay> for PlayerDayView {
    fn from(day: PlayerDay) -> Self {
        Self {
            date: day.date,
            sums: day.sums.into(),
        }
    }
}

impl From<DaySums> for PlayerDaySumsView {
    fn from(sums: DaySums) -> Self {
        Self {
            deposit_amount: Money(sums.deposit_amount),
            deposit_count: sums.deposit_count,
            withdraw_amount: Money(sums.withdraw_amount),
            withdraw_count: sums.withdraw_count,
            bet_amount: Money(sums.bet_amount),
            bet_count: sums.bet_count,
            valid_bet_amount: Money(sums.valid_bet_amount),
            win_amount: Money(sums.win_amount),
            bonus_amount: Money(sums.bonus_amount),
            ngr: Money(sums.ngr),
        }
    }
}

/// Which coupons are listed.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlayerCouponQuery {
    /// Only coupons in this state.
    #[param(inline, schema_with = coupon::status_schema)]
    status: Option<CouponStatus>,
}

/// A coupon of a player.
#[derive(Serialize, ToSchema)]
pub struct PlayerCouponView {
    coupon_id: i64,
    template_id: i64,
    /// Name of the template.
    name: String,
    #[schema(value_type = String, example = "100.0000")]
    amount: Money,
    #[schema(schema_with = coupon::status_schema)]
    status: String,
    granted_at: DateTime<Utc>,
    used_at: Option<DateTime<Utc>>,
    recycled_at: Option<DateTime<Utc>>,
    expires_at: DateTime<Utc>,
}

columns!(PlayerCouponView: coupon_id, template_id, name, amount, status, granted_at, used_at, recycled_at,
    expires_at);

/// Coupons that a player was granted in a range, the newest first.
#[utoipa::path(get, path = "/agent/player/{player_id}/coupons", tag = "player",
    params(("player_id" = i64, Path, description = "Number of the player"), LedgerQuery, RangeQuery, PlayerCouponQuery, FormatQuery),
    responses(
        (status = 200, description = "One page", body = LedgerView<PlayerCouponView, NoSummary>),
        (status = 404, description = "`not_found`", body = ProblemDocument),
    ))]
pub async fn coupons(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(id): PathParam<i64>,
    QueryParams(ledger): QueryParams<LedgerQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<PlayerCouponQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let filter = CouponFilter {
        status: query.status,
        granted: range.instants(scope.brand().timezone),
    };
    let stretch = ledger.stretch(List::PlayerCoupons, format)?;
    if format.is_csv() {
        let all = player::export_coupons(&app, &principal, &scope, id, filter).await?;
        return Ok(csv::answer(all, PlayerCouponView::from, &scope, range));
    }
    let found = player::coupons(&app, &principal, &scope, id, filter, stretch).await?;
    let shown = ListView::plain(found.page, PlayerCouponView::from);
    Ok(Json(LedgerView::new(shown, found.next, List::PlayerCoupons)).into_response())
}

impl From<PlayerCoupon> for PlayerCouponView {
    fn from(row: PlayerCoupon) -> Self {
        Self {
            coupon_id: row.coupon_id,
            template_id: row.template_id,
            name: row.name,
            amount: Money(row.amount),
            status: row.status,
            granted_at: row.granted_at,
            used_at: row.used_at,
            recycled_at: row.recycled_at,
            expires_at: row.expires_at,
        }
    }
}
