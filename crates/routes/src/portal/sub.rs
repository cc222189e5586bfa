//! `/agent/sub/list` and `/agent/sub/{guid}`: the agents below one's own.

use agent_domain::{AgentGuid, Money, Problem, brand::MEMBERSHIP_STATES, portal::sub::SubStatus};
use agent_persistence::portal::{
    provider::ShareRow,
    sub::{SubDetail, SubFilter, SubRow},
};
use agent_services::{
    App,
    portal::sub::{self, Sub},
};
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

use super::list::{ListView, NoSummary, PageQuery, RangeQuery};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{PathParam, QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(detail, super::sub_edit::edit))
}

/// Longest keyword, which is as long as a username.
const KEYWORD: usize = 64;

/// Which agents are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SubListQuery {
    /// Beginning of the username or the nick name, whatever the case.
    #[param(max_length = 64)]
    pub keyword: Option<String>,
    /// Those directly below where nothing is said.
    #[param(inline)]
    #[serde(default)]
    pub scope: SubScope,
    /// Only agents in this state.
    #[param(inline, schema_with = status_schema)]
    pub status: Option<SubStatus>,
}

/// Agents directly below, or everybody below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SubScope {
    #[default]
    Direct,
    Team,
}

pub(crate) fn status_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(SubStatus::ALL.map(SubStatus::as_str)))
        .build()
}

fn brand_status_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(MEMBERSHIP_STATES))
        .description(Some(
            "`pending` while no brand has been told of a new agent.",
        ))
        .build()
}

impl SubListQuery {
    fn filter(self) -> Result<SubFilter, Problem> {
        let keyword = self.keyword.as_deref().map(str::trim);
        if keyword.is_some_and(|keyword| keyword.chars().count() > KEYWORD) {
            return Err(Problem::field("keyword", "must have at most 64 characters"));
        }
        Ok(SubFilter {
            keyword: keyword
                .filter(|keyword| !keyword.is_empty())
                .map(str::to_owned),
            direct: self.scope == SubScope::Direct,
            status: self.status,
        })
    }
}

/// The agent above another one.
#[derive(Serialize, ToSchema)]
pub struct SubParentView {
    guid: i64,
    username: String,
}

columns!(SubParentView: guid, username);

fn parent(guid: Option<i64>, username: Option<String>) -> Option<SubParentView> {
    let (guid, username) = guid.zip(username)?;
    Some(SubParentView { guid, username })
}

/// An agent in the list.
#[derive(Serialize, ToSchema)]
pub struct SubItemView {
    guid: i64,
    username: String,
    nick_name: Option<String>,
    level: i16,
    /// Null where the brand does not show the agent above.
    #[schema(inline)]
    parent: Option<SubParentView>,
    #[schema(schema_with = status_schema)]
    status: String,
    /// `pending` while no brand has been told of a new agent.
    #[schema(schema_with = brand_status_schema)]
    brand_status: String,
    /// Its own players.
    #[schema(minimum = 0)]
    player_count: i64,
    /// Agents directly below it.
    #[schema(minimum = 0)]
    sub_count: i64,
    /// Least of its shares in the brand's providers, of 100; null where the brand has none.
    #[schema(value_type = Option<String>, example = "10.0000")]
    percentage_min: Option<Money>,
    #[schema(value_type = Option<String>, example = "45.0000")]
    percentage_max: Option<Money>,
    team: SubTeamView,
    /// What it earned over the range.
    #[schema(value_type = String, example = "120.5000")]
    commission: Money,
    created_at: DateTime<Utc>,
}

columns!(SubItemView: guid, username, nick_name, level, parent, status, brand_status, player_count, sub_count,
    percentage_min, percentage_max, team, commission, created_at);

/// What an agent and all below it brought in over the range.
#[derive(Serialize, ToSchema)]
pub struct SubTeamView {
    #[schema(minimum = 0)]
    new_players: i64,
    #[schema(minimum = 0)]
    new_subs: i64,
    #[schema(minimum = 0)]
    ftd_count: i64,
    #[schema(value_type = String)]
    ftd_amount: Money,
    #[schema(value_type = String)]
    deposit_amount: Money,
    #[schema(minimum = 0)]
    deposit_count: i64,
    #[schema(value_type = String)]
    withdraw_amount: Money,
    #[schema(minimum = 0)]
    withdraw_count: i64,
    #[schema(value_type = String)]
    bet_amount: Money,
    #[schema(minimum = 0)]
    bet_count: i64,
    #[schema(value_type = String)]
    valid_bet_amount: Money,
    #[schema(value_type = String)]
    win_amount: Money,
    #[schema(value_type = String)]
    bonus_amount: Money,
    /// Bets less wins.
    #[schema(value_type = String)]
    ggr: Money,
    /// `ggr` less bonuses, fees and royalties.
    #[schema(value_type = String)]
    ngr: Money,
}

columns!(SubTeamView: new_players, new_subs, ftd_count, ftd_amount, deposit_amount, deposit_count,
    withdraw_amount, withdraw_count, bet_amount, bet_count, valid_bet_amount, win_amount, bonus_amount, ggr,
    ngr);

impl From<SubRow> for SubItemView {
    fn from(row: SubRow) -> Self {
        let ggr = row.bet_amount - row.win_amount;
        Self {
            guid: row.guid,
            username: row.username,
            nick_name: row.nick_name,
            level: row.level,
            parent: parent(row.parent_guid, row.parent_username),
            status: row.status,
            brand_status: row.brand_status,
            player_count: row.player_count,
            sub_count: row.sub_count,
            percentage_min: row.percentage_min.map(Money),
            percentage_max: row.percentage_max.map(Money),
            team: SubTeamView {
                new_players: row.new_players,
                new_subs: row.new_subs,
                ftd_count: row.ftd_count,
                ftd_amount: Money(row.ftd_amount),
                deposit_amount: Money(row.deposit_amount),
                deposit_count: row.deposit_count,
                withdraw_amount: Money(row.withdraw_amount),
                withdraw_count: row.withdraw_count,
                bet_amount: Money(row.bet_amount),
                bet_count: row.bet_count,
                valid_bet_amount: Money(row.valid_bet_amount),
                win_amount: Money(row.win_amount),
                bonus_amount: Money(row.bonus_amount),
                ggr: Money(ggr),
                ngr: Money(ggr - row.bonus_amount - row.fee_amount - row.royalty_amount),
            },
            commission: Money(row.commission),
            created_at: row.created_at,
        }
    }
}

/// Agents below one's own, the newest first, with what their teams brought in over the range.
#[utoipa::path(get, path = "/agent/sub/list", tag = "sub",
    params(PageQuery, RangeQuery, SubListQuery, FormatQuery),
    responses((status = 200, description = "One page", body = ListView<SubItemView, NoSummary>)))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<SubListQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let filter = query.filter()?;
    let page = page.request()?;
    if format.is_csv() {
        let all = sub::export(&app, &principal, &scope, filter, range).await?;
        return Ok(csv::answer(all, SubItemView::from, &scope, range));
    }
    let found = sub::list(&app, &principal, &scope, &filter, range, page).await?;
    Ok(Json(ListView::plain(found, SubItemView::from)).into_response())
}

/// One agent below one's own.
#[derive(Serialize, ToSchema)]
pub struct SubView {
    guid: i64,
    username: String,
    nick_name: Option<String>,
    remark: Option<String>,
    level: i16,
    /// Null where the brand does not show the agent above.
    #[schema(inline)]
    parent: Option<SubParentView>,
    #[schema(schema_with = status_schema)]
    status: String,
    /// `pending` while no brand has been told of a new agent.
    #[schema(schema_with = brand_status_schema)]
    brand_status: String,
    /// Its own players.
    #[schema(minimum = 0)]
    player_count: i64,
    /// Agents directly below it.
    #[schema(minimum = 0)]
    sub_count: i64,
    /// Its shares today in every provider of the brand.
    percentages: Vec<SubShareView>,
    created_at: DateTime<Utc>,
    last_login_at: Option<DateTime<Utc>>,
}

/// A share of today.
#[derive(Serialize, ToSchema)]
pub struct SubShareView {
    provider_id: i32,
    #[schema(example = "aurora")]
    code: String,
    /// Of 100; 0 where none was ever set.
    #[schema(value_type = String, example = "45.0000")]
    percentage: Money,
}

impl From<ShareRow> for SubShareView {
    fn from(row: ShareRow) -> Self {
        Self {
            provider_id: row.provider_id,
            code: row.code,
            percentage: Money(row.percentage),
        }
    }
}

/// An agent below one's own, at any depth.
#[utoipa::path(get, path = "/agent/sub/{guid}", tag = "sub",
    params(("guid" = i64, Path, description = "Number of the agent")),
    responses(
        (status = 200, description = "The agent", body = SubView),
        (status = 404, description = "`not_found`: nobody below", body = ProblemDocument),
    ))]
pub async fn detail(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(guid): PathParam<i64>,
) -> Result<Json<SubView>, ApiError> {
    let Sub { row, shares } = sub::detail(&app, &principal, &scope, AgentGuid(guid)).await?;
    let SubDetail {
        parent_guid,
        parent_username,
        ..
    } = row;
    Ok(Json(SubView {
        guid: row.guid,
        username: row.username,
        nick_name: row.nick_name,
        remark: row.remark,
        level: row.level,
        parent: parent(parent_guid, parent_username),
        status: row.status,
        brand_status: row.brand_status,
        player_count: row.player_count,
        sub_count: row.sub_count,
        percentages: shares.into_iter().map(SubShareView::from).collect(),
        created_at: row.created_at,
        last_login_at: row.last_login_at,
    }))
}
