//! `/agent/sub/statistic` and `/agent/sub/statistic/daily`: what the teams of direct subs did.

use agent_domain::Problem;
use agent_persistence::portal::report::{ReportFilter, SubDay, SubTotals};
use agent_services::{App, portal::report};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    home::TotalsView,
    list::{ListView, PageQuery, RangeQuery},
};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(statistic))
        .routes(routes!(statistic_daily))
}

/// Longest keyword, in characters.
const KEYWORD: usize = 64;

/// Which direct subs.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Beginning of the username or the nick name, whatever the case.
    #[param(max_length = 64)]
    pub keyword: Option<String>,
}

impl ReportQuery {
    fn filter(self) -> Result<ReportFilter, Problem> {
        let keyword = self.keyword.as_deref().map(str::trim);
        if keyword.is_some_and(|keyword| keyword.chars().count() > KEYWORD) {
            return Err(Problem::field("keyword", "must have at most 64 characters"));
        }
        let keyword = keyword.filter(|keyword| !keyword.is_empty());
        Ok(ReportFilter {
            keyword: keyword.map(str::to_owned),
        })
    }
}

/// A direct sub and what its team, itself included, did.
#[derive(Serialize, ToSchema)]
pub struct SubStatisticView {
    guid: i64,
    username: String,
    nick_name: Option<String>,
    #[serde(flatten)]
    totals: TotalsView,
}

columns!(SubStatisticView: guid, username, nick_name, ~flat totals);

impl From<SubTotals> for SubStatisticView {
    fn from(sub: SubTotals) -> Self {
        Self {
            guid: sub.guid,
            username: sub.username,
            nick_name: sub.nick_name,
            totals: sub.totals.into(),
        }
    }
}

/// One day of a direct sub's team.
#[derive(Serialize, ToSchema)]
pub struct SubDayView {
    date: NaiveDate,
    /// Players who bet or deposited on the day.
    active_players: i64,
    #[serde(flatten)]
    sub: SubStatisticView,
}

columns!(SubDayView: date, active_players, ~flat sub);

impl From<SubDay> for SubDayView {
    fn from(day: SubDay) -> Self {
        Self {
            date: day.day,
            active_players: day.sub.totals.player_days,
            sub: day.sub.into(),
        }
    }
}

/// Totals of direct subs over a range, by username.
#[utoipa::path(get, path = "/agent/sub/statistic", tag = "sub",
    params(RangeQuery, ReportQuery, PageQuery, FormatQuery),
    responses(
        (status = 200, description = "One page; the summary is over all pages",
         body = ListView<SubStatisticView, TotalsView>),
        (status = 422, description = "`validation_failed`, `range_too_long`", body = ProblemDocument),
    ))]
pub async fn statistic(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<ReportQuery>,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let filter = query.filter()?;
    let page = page.request()?;
    if format.is_csv() {
        let all = report::export_statistic(&app, &principal, &scope, filter, range).await?;
        return Ok(csv::answer(all, SubStatisticView::from, &scope, range));
    }
    let found = report::statistic(&app, &principal, &scope, &filter, range, page).await?;
    let (item, summary) = (SubStatisticView::from, TotalsView::from);
    Ok(Json(ListView::new(found, item, summary)).into_response())
}

/// Days of direct subs on which something happened, the latest first.
#[utoipa::path(get, path = "/agent/sub/statistic/daily", tag = "sub",
    params(RangeQuery, ReportQuery, PageQuery, FormatQuery),
    responses(
        (status = 200, description = "One page; the summary is over all pages",
         body = ListView<SubDayView, TotalsView>),
        (status = 422, description = "`validation_failed`, `range_too_long`", body = ProblemDocument),
    ))]
pub async fn statistic_daily(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<ReportQuery>,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let filter = query.filter()?;
    let page = page.request()?;
    if format.is_csv() {
        let all = report::export_statistic_daily(&app, &principal, &scope, filter, range).await?;
        return Ok(csv::answer(all, SubDayView::from, &scope, range));
    }
    let found = report::statistic_daily(&app, &principal, &scope, &filter, range, page).await?;
    let (item, summary) = (SubDayView::from, TotalsView::from);
    Ok(Json(ListView::new(found, item, summary)).into_response())
}
