//! `/agent/provider/income`: what game providers brought in.

use agent_domain::{Money, portal::report::StatScope};
use agent_persistence::portal::provider_income::{IncomeRow, IncomeTotals};
use agent_services::{App, export::Opening, portal::provider_income};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::list::{ListView, PageQuery, RangeQuery};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new().routes(routes!(income))
}

/// Whose players count.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct IncomeQuery {
    /// Own players alone, or also those of everybody below.
    #[param(inline, schema_with = scope_schema)]
    #[serde(default)]
    pub scope: StatScope,
}

fn scope_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(
            [StatScope::Direct, StatScope::Team].map(StatScope::as_str),
        ))
        .default(Some(StatScope::default().as_str().into()))
        .build()
}

/// What one provider brought in.
#[derive(Serialize, ToSchema)]
pub struct IncomeView {
    provider_id: i32,
    #[schema(example = "aurora")]
    code: String,
    name: String,
    #[serde(flatten)]
    totals: IncomeTotalsView,
    /// The own share on the last day, of 100.
    #[schema(value_type = String, example = "45.0000")]
    percentage: Money,
}

columns!(IncomeView: provider_id, code, name, ~flat totals, percentage);

/// Sums over players and days.
#[derive(Serialize, ToSchema)]
pub struct IncomeTotalsView {
    #[schema(value_type = String, example = "120000.0000")]
    bet: Money,
    #[schema(value_type = String, example = "118000.0000")]
    valid_bet: Money,
    /// Bets less wins: above zero when the house won.
    #[schema(value_type = String, example = "6000.0000")]
    win_loss: Money,
    #[schema(value_type = String, example = "300.0000")]
    bonus: Money,
    #[schema(value_type = String, example = "100.0000")]
    fee: Money,
    #[schema(value_type = String, example = "600.0000")]
    royalty: Money,
    /// `win_loss` less bonus, fee and royalty.
    #[schema(value_type = String, example = "5000.0000")]
    ngr: Money,
    /// The agent's part of `ngr`.
    #[schema(value_type = String, example = "1250.0000")]
    income: Money,
}

columns!(IncomeTotalsView: bet, valid_bet, win_loss, bonus, fee, royalty, ngr, income);

/// What each provider brought in.
///
/// On own players an agent earns its share of `ngr`, on those of a direct sub and everybody below
/// it the difference between its share and the sub's, each as it held on the day. It is rounded for
/// each provider and day; what is shown is the sum.
#[utoipa::path(get, path = "/agent/provider/income", tag = "provider",
    params(PageQuery, RangeQuery, IncomeQuery, FormatQuery),
    responses(
        (status = 200, description = "One page; `summary` is the sum of all",
         body = ListView<IncomeView, IncomeTotalsView>),
        (status = 503, description = "`unavailable`: also while days of the range are summed up anew after an update",
         body = ProblemDocument),
    ))]
pub async fn income(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<IncomeQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let (whose, page) = (query.scope, page.request()?);
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "income")?;
        let page = opening.page_and_one();
        let found = provider_income::income(&app, &principal, &scope, range, whose, page).await?;
        let all = opening.ready(found.items)?;
        return Ok(csv::answer(all, IncomeView::from, &scope, range));
    }
    let found = provider_income::income(&app, &principal, &scope, range, whose, page).await?;
    let (item, summary) = (IncomeView::from, IncomeTotalsView::from);
    Ok(Json(ListView::new(found, item, summary)).into_response())
}

impl From<IncomeRow> for IncomeView {
    fn from(row: IncomeRow) -> Self {
        Self {
            provider_id: row.provider_id,
            code: row.code,
            name: row.name,
            totals: row.totals.into(),
            percentage: Money(row.percentage),
        }
    }
}

impl From<IncomeTotals> for IncomeTotalsView {
    fn from(totals: IncomeTotals) -> Self {
        Self {
            bet: Money(totals.bet),
            valid_bet: Money(totals.valid_bet),
            win_loss: Money(totals.win_loss()),
            bonus: Money(totals.bonus),
            fee: Money(totals.fee),
            royalty: Money(totals.royalty),
            ngr: Money(totals.ngr()),
            income: Money(totals.income),
        }
    }
}
