//! `/agent/provider/*`: game providers, and shares in them.

use agent_domain::{
    AgentGuid, Money,
    portal::provider::{MAX_SHARES, read_shares},
};
use agent_persistence::portal::provider::{ProviderRow, ShareRow};
use agent_services::{App, export::Opening, portal::provider};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::NaiveDate;
use garde::Validate;
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, OneOfBuilder, Schema, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::list::{ListView, NoSummary, PageQuery};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{AmountText, QueryParams, SignedIn, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(percentage))
        .routes(routes!(sub_percentage))
        .routes(routes!(set_sub_percentage))
}

/// Which providers are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CategoryQuery {
    /// Only providers of this category.
    pub category: Option<String>,
}

/// A provider that the brand offers.
#[derive(Serialize, ToSchema)]
pub struct ProviderView {
    provider_id: i32,
    #[schema(example = "aurora")]
    code: String,
    name: String,
    #[schema(example = "slot")]
    category: String,
    /// Always true: others are not listed.
    enabled: bool,
}

columns!(ProviderView: provider_id, code, name, category, enabled);

/// Providers that the brand offers.
#[utoipa::path(get, path = "/agent/provider/list", tag = "provider",
    params(PageQuery, CategoryQuery, FormatQuery),
    responses((status = 200, description = "One page", body = ListView<ProviderView, NoSummary>)))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(query): QueryParams<CategoryQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let category = query.category.as_deref();
    let page = page.request()?;
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "providers")?;
        let found = provider::list(&app, &scope, category, opening.page_and_one()).await?;
        let (all, today) = (opening.ready(found.items)?, csv::today(&app, &scope));
        return Ok(csv::answer(all, ProviderView::from, &scope, today));
    }
    let found = provider::list(&app, &scope, category, page).await?;
    Ok(Json(ListView::plain(found, ProviderView::from)).into_response())
}

impl From<ProviderRow> for ProviderView {
    fn from(row: ProviderRow) -> Self {
        Self {
            provider_id: row.provider_id,
            code: row.code,
            name: row.name,
            category: row.category,
            enabled: true,
        }
    }
}

/// The share of an agent in one provider.
#[derive(Serialize, ToSchema)]
pub struct ShareView {
    provider_id: i32,
    #[schema(example = "aurora")]
    code: String,
    name: String,
    /// Of 100; 0 where none was ever set.
    #[schema(value_type = String, example = "45.0000")]
    percentage: Money,
    /// First day on which it held.
    effective_from: Option<NaiveDate>,
    /// What the agent above has today; 100 for an agent at the top.
    #[schema(value_type = String, example = "60.0000")]
    upline_max: Money,
    /// The change that comes next, if one was set.
    #[schema(inline)]
    next: Option<NextShareView>,
}

columns!(ShareView: provider_id, code, name, percentage, effective_from, upline_max, next);

#[derive(Serialize, ToSchema)]
pub struct NextShareView {
    #[schema(value_type = String, example = "40.0000")]
    percentage: Money,
    /// First day on which it will hold.
    effective_from: NaiveDate,
}

columns!(NextShareView: percentage, effective_from);

impl From<ShareRow> for ShareView {
    fn from(row: ShareRow) -> Self {
        let next = row.next_percentage.zip(row.next_effective_from);
        Self {
            provider_id: row.provider_id,
            code: row.code,
            name: row.name,
            percentage: Money(row.percentage),
            effective_from: row.effective_from,
            upline_max: Money(row.upline_max),
            next: next.map(|(percentage, effective_from)| NextShareView {
                percentage: Money(percentage),
                effective_from,
            }),
        }
    }
}

/// Own shares today, by provider.
#[utoipa::path(get, path = "/agent/provider/percentage", tag = "provider", params(PageQuery, FormatQuery),
    responses((status = 200, description = "One page", body = ListView<ShareView, NoSummary>)))]
pub async fn percentage(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let page = page.request()?;
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "percentages")?;
        let page = opening.page_and_one();
        let found = provider::own_shares(&app, &principal, &scope, page).await?;
        let (all, today) = (opening.ready(found.items)?, csv::today(&app, &scope));
        return Ok(csv::answer(all, ShareView::from, &scope, today));
    }
    let found = provider::own_shares(&app, &principal, &scope, page).await?;
    Ok(Json(ListView::plain(found, ShareView::from)).into_response())
}

/// Whose shares are asked for.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SubQuery {
    /// An agent below one's own, at any depth.
    pub sub_guid: i64,
}

/// Shares today of an agent below one's own, at any depth, by provider.
#[utoipa::path(get, path = "/agent/provider/sub/percentage", tag = "provider", params(SubQuery, PageQuery, FormatQuery),
    responses(
        (status = 200, description = "One page", body = ListView<ShareView, NoSummary>),
        (status = 404, description = "`not_found`: nobody below", body = ProblemDocument),
    ))]
pub async fn sub_percentage(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(query): QueryParams<SubQuery>,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let sub = AgentGuid(query.sub_guid);
    let page = page.request()?;
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "sub_percentages")?;
        let page = opening.page_and_one();
        let found = provider::sub_shares_page(&app, &principal, &scope, sub, page).await?;
        let (all, today) = (opening.ready(found.items)?, csv::today(&app, &scope));
        return Ok(csv::answer(all, ShareView::from, &scope, today));
    }
    let found = provider::sub_shares_page(&app, &principal, &scope, sub, page).await?;
    Ok(Json(ListView::plain(found, ShareView::from)).into_response())
}

/// A share to be given.
#[derive(Deserialize, Validate, ToSchema)]
pub struct ShareBody {
    #[garde(skip)]
    pub(crate) provider_id: i32,
    #[garde(skip)]
    #[schema(schema_with = percentage_schema)]
    pub(crate) percentage: AmountText,
}

fn percentage_schema() -> RefOr<Schema> {
    let text = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(
            r"^(100(\.0{1,4})?|0{0,2}[0-9](\.[0-9]{1,4})?|0?[0-9]{2}(\.[0-9]{1,4})?)$",
        ))
        .examples(["12.5"]);
    let integer = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(0))
        .maximum(Some(100));
    OneOfBuilder::new()
        .item(text)
        .item(integer)
        .description(Some("From 0 to 100, with at most four decimals."))
        .into()
}

/// Shares of a direct sub from the next month on.
#[derive(Deserialize, Validate, ToSchema)]
pub struct SubPercentageBody {
    /// A direct sub.
    #[garde(skip)]
    sub_guid: i64,
    /// Each provider at most once; those that are not named keep their share.
    #[garde(length(min = 1, max = MAX_SHARES), dive)]
    #[schema(min_items = 1, max_items = 200)]
    percentages: Vec<ShareBody>,
}

/// Every share of the sub after the change.
#[derive(Serialize, ToSchema)]
pub struct SubPercentageView {
    items: Vec<ShareView>,
}

/// Set shares of a direct sub from the first day of the next month on.
///
/// A share is at most one's own, and at least what the sub has given further down, at that day and
/// later. What was set for a day is never changed: the same share again is no change, another one
/// is a conflict.
#[utoipa::path(put, path = "/agent/provider/sub/percentage", tag = "provider", request_body = SubPercentageBody,
    responses(
        (status = 200, description = "Set; all shares of the sub", body = SubPercentageView),
        (status = 404, description = "`not_found`: no direct sub", body = ProblemDocument),
        (status = 409, description = "`conflict`: another share was set for that day, `brand_ambiguous`", body = ProblemDocument),
        (status = 422, description = "`validation_failed`, `percentage_out_of_range`, with `errors`", body = ProblemDocument),
    ))]
pub async fn set_sub_percentage(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    Valid(body): Valid<SubPercentageBody>,
) -> Result<Json<SubPercentageView>, ApiError> {
    let asked = body.percentages.iter();
    let shares = read_shares(asked.map(|share| (share.provider_id, share.percentage.as_str())))?;
    let sub = AgentGuid(body.sub_guid);
    provider::set_sub_shares(&app.core, &principal, &scope, sub, &shares).await?;
    let rows = provider::sub_shares(&app, &principal, &scope, sub).await?;
    let items = rows.into_iter().map(ShareView::from).collect();
    Ok(Json(SubPercentageView { items }))
}
