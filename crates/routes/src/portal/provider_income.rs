//! `/agent/provider/income`: what game providers brought in.

use agent_domain::{Money, portal::report::StatScope};
use agent_persistence::portal::provider_income::{IncomeRow, IncomeTotals};
use agent_services::{App, portal::provider_income};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

use super::list::{ListView, PageQuery, RangeQuery};
use crate::{
    error::ApiError,
    extract::{QueryParams, SignedIn},
};

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

/// What each provider brought in.
///
/// On own players an agent earns its share of `ngr`, on those of a direct sub and everybody below
/// it the difference between its share and the sub's, each as it held on the day.
#[utoipa::path(get, path = "/agent/provider/income", tag = "provider",
    params(PageQuery, RangeQuery, IncomeQuery),
    responses((status = 200, description = "One page; `summary` is the sum of all",
        body = ListView<IncomeView, IncomeTotalsView>)))]
pub async fn income(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<IncomeQuery>,
) -> Result<Json<ListView<IncomeView, IncomeTotalsView>>, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let page = page.request()?;
    let found = provider_income::income(&app, &principal, &scope, range, query.scope, page).await?;
    Ok(Json(ListView::new(
        found,
        IncomeView::from,
        IncomeTotalsView::from,
    )))
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
            win_loss: Money(totals.win_loss),
            bonus: Money(totals.bonus),
            fee: Money(totals.fee),
            royalty: Money(totals.royalty),
            ngr: Money(totals.ngr),
            income: Money(totals.income),
        }
    }
}
