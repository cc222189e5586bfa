//! `/agent/coupon/logs` and `/agent/coupon/recycle/logs`.

use agent_domain::{BrandScope, Money, page::DayRange, portal::coupon::CouponStatus};
use agent_persistence::portal::coupon_logs::{LogFilter, LogRow};
use agent_services::{App, portal::coupon_logs};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    coupon::status_schema,
    list::{ListView, NoSummary, RangeQuery},
};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    cursor::{LedgerQuery, LedgerView, List},
    error::ApiError,
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(logs))
        .routes(routes!(recycle_logs))
}

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

impl LogQuery {
    fn filter(self, scope: &BrandScope, days: DayRange, recycled_only: bool) -> LogFilter {
        let (from, until) = days.instants(scope.brand().timezone);
        LogFilter {
            from,
            until,
            player: self.player_id,
            status: self.status,
            recycled_only,
        }
    }
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
    #[schema(schema_with = action_schema)]
    action: String,
    /// Where the coupon is now.
    #[schema(schema_with = status_schema)]
    status: String,
    /// What the agent wrote: the remark of a grant, the reason of a recycling.
    reason: Option<String>,
    created_at: DateTime<Utc>,
}

fn action_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["grant", "recycle"]))
        .build()
}

columns!(CouponLogView: coupon_id, player_id, player_username, template_name, amount, action, status,
    reason, created_at);

/// What the agent granted and took back, newest first.
#[utoipa::path(get, path = "/agent/coupon/logs", tag = "coupon",
    params(LedgerQuery, RangeQuery, LogQuery, FormatQuery),
    responses((status = 200, description = "One page", body = LedgerView<CouponLogView, NoSummary>)))]
pub async fn logs(
    State(app): State<App>,
    signed: SignedIn,
    QueryParams(ledger): QueryParams<LedgerQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<LogQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&signed.scope, app.core.clock.now())?;
    let filter = query.filter(&signed.scope, range, false);
    show(&app, &signed, (ledger, range, format), filter).await
}

/// What the agent took back, newest first.
#[utoipa::path(get, path = "/agent/coupon/recycle/logs", tag = "coupon",
    params(LedgerQuery, RangeQuery, LogQuery, FormatQuery),
    responses((status = 200, description = "One page", body = LedgerView<CouponLogView, NoSummary>)))]
pub async fn recycle_logs(
    State(app): State<App>,
    signed: SignedIn,
    QueryParams(ledger): QueryParams<LedgerQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<LogQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&signed.scope, app.core.clock.now())?;
    let filter = query.filter(&signed.scope, range, true);
    show(&app, &signed, (ledger, range, format), filter).await
}

async fn show(
    app: &App,
    SignedIn { principal, scope }: &SignedIn,
    (ledger, range, format): (LedgerQuery, DayRange, FormatQuery),
    filter: LogFilter,
) -> Result<Response, ApiError> {
    let list = if filter.recycled_only {
        List::CouponRecycleLogs
    } else {
        List::CouponLogs
    };
    let stretch = ledger.stretch(list, format)?;
    if format.is_csv() {
        let all = coupon_logs::export(app, principal, scope, filter).await?;
        return Ok(csv::answer(all, CouponLogView::from, scope, range));
    }
    let found = coupon_logs::list(app, principal, scope, &filter, stretch).await?;
    let shown = ListView::plain(found.page, CouponLogView::from);
    Ok(Json(LedgerView::new(shown, found.next, list)).into_response())
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
