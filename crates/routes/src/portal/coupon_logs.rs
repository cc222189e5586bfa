//! `/agent/coupon/logs` and `/agent/coupon/recycle/logs`.

use agent_domain::{Money, portal::coupon::CouponStatus};
use agent_persistence::portal::coupon_logs::{LogFilter, LogRow};
use agent_services::{App, portal::coupon_logs};
use axum::{Json, extract::State};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    coupon::status_schema,
    list::{ListView, NoSummary, PageQuery, RangeQuery},
};
use crate::{
    error::ApiError,
    extract::{QueryParams, SignedIn},
};

/// Which coupons a log is about.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct LogQuery {
    /// Only coupons of this player.
    player_id: Option<i64>,
    /// Only coupons that are in this state now.
    #[param(inline, schema_with = status_schema)]
    status: Option<CouponStatus>,
}

/// One thing that the agent did with a coupon.
#[derive(Serialize, ToSchema)]
pub struct CouponLogView {
    coupon_id: i64,
    player_id: i64,
    player_username: String,
    template_name: String,
    #[schema(value_type = String, example = "100.0000")]
    amount: Money,
    /// `grant` or `recycle`.
    #[schema(value_type = String, example = "grant")]
    action: String,
    /// Where the coupon is now.
    #[schema(schema_with = status_schema)]
    status: String,
    /// What the agent wrote: the remark of a grant, the reason of a recycling.
    reason: Option<String>,
    created_at: DateTime<Utc>,
}

/// What the agent granted and took back, newest first.
#[utoipa::path(get, path = "/agent/coupon/logs", tag = "coupon",
    params(PageQuery, RangeQuery, LogQuery),
    responses((status = 200, description = "One page", body = ListView<CouponLogView, NoSummary>)))]
pub async fn logs(
    State(app): State<App>,
    signed: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<LogQuery>,
) -> Result<Json<ListView<CouponLogView, NoSummary>>, ApiError> {
    show(&app, &signed, (page, range, query), false).await
}

/// What the agent took back, newest first.
#[utoipa::path(get, path = "/agent/coupon/recycle/logs", tag = "coupon",
    params(PageQuery, RangeQuery, LogQuery),
    responses((status = 200, description = "One page", body = ListView<CouponLogView, NoSummary>)))]
pub async fn recycle_logs(
    State(app): State<App>,
    signed: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<LogQuery>,
) -> Result<Json<ListView<CouponLogView, NoSummary>>, ApiError> {
    show(&app, &signed, (page, range, query), true).await
}

async fn show(
    app: &App,
    SignedIn { principal, scope }: &SignedIn,
    (page, range, query): (PageQuery, RangeQuery, LogQuery),
    recycled_only: bool,
) -> Result<Json<ListView<CouponLogView, NoSummary>>, ApiError> {
    let range = range.range(scope, app.core.clock.now())?;
    let (from, until) = range.instants(scope.brand().timezone);
    let filter = LogFilter {
        from,
        until,
        player: query.player_id,
        status: query.status,
        recycled_only,
    };
    let found = coupon_logs::list(app, principal, scope, &filter, page.request()?).await?;
    Ok(Json(ListView::plain(found, CouponLogView::from)))
}

impl From<LogRow> for CouponLogView {
    fn from(row: LogRow) -> Self {
        Self {
            coupon_id: row.coupon_id,
            player_id: row.player_id,
            player_username: row.player_username,
            template_name: row.template_name,
            amount: Money(row.amount),
            action: row.action,
            status: row.status,
            reason: row.reason,
            created_at: row.created_at,
        }
    }
}
