//! `/agent/player/list`.

use agent_domain::{
    AgentGuid, BrandScope, Money, Problem,
    page::{Sort, start_of_day},
    portal::player::{PlayerScope, PlayerSort, PlayerStatus},
};
use agent_persistence::portal::{
    player_list::{PlayerRow, PlayerSums},
    player_selection::PlayerFilter,
};
use agent_services::{
    App,
    portal::player_list::{self as use_case, PlayerSearch},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::list::{ListView, PageQuery, RangeQuery, day, sort};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new().routes(routes!(list))
}

/// Longest keyword or tag, in characters.
const MAX_TEXT: usize = 64;

/// Which players are listed, and in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PlayerQuery {
    /// How the username begins, or the number of a player.
    #[param(max_length = 64)]
    keyword: Option<String>,
    /// Players of this agent, who is below the one that asks.
    agent_guid: Option<i64>,
    /// Only own players, or also those of everybody below.
    #[param(inline, schema_with = scope_schema)]
    #[serde(default)]
    scope: PlayerScope,
    /// Only players in this state.
    #[param(inline, schema_with = status_schema)]
    status: Option<PlayerStatus>,
    /// Only players with this tag.
    #[param(max_length = 64)]
    tag: Option<String>,
    /// First day of registration, `YYYY-MM-DD` in the brand's time zone.
    #[serde(default, deserialize_with = "day")]
    registered_from: Option<NaiveDate>,
    /// Last day of registration, `YYYY-MM-DD` in the brand's time zone.
    #[serde(default, deserialize_with = "day")]
    registered_to: Option<NaiveDate>,
    /// `registered_at`, `username`, `last_login_at` or `deposit_amount` (of the whole life), after a
    /// `-` for the other way round; `-registered_at` where nothing is said.
    #[param(value_type = Option<String>, pattern = "^-?(registered_at|username|last_login_at|deposit_amount)$")]
    #[serde(default, deserialize_with = "sort")]
    sort: Option<Sort<PlayerSort>>,
}

fn scope_schema() -> Object {
    let names = [PlayerScope::Direct, PlayerScope::Team].map(PlayerScope::as_str);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(names))
        .default(Some(PlayerScope::default().as_str().into()))
        .build()
}

pub(super) fn status_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(PlayerStatus::ALL.map(PlayerStatus::as_str)))
        .build()
}

impl PlayerQuery {
    fn filter(&self, scope: &BrandScope) -> Result<PlayerFilter, Problem> {
        let (from, to) = (self.registered_from, self.registered_to);
        if from.zip(to).is_some_and(|(from, to)| from > to) {
            let order = "must not be after registered_to";
            return Err(Problem::field("registered_from", order));
        }
        let timezone = scope.brand().timezone;
        let next = to.and_then(|last| last.succ_opt());
        Ok(PlayerFilter {
            keyword: text("keyword", self.keyword.as_deref())?,
            status: self.status,
            tag: text("tag", self.tag.as_deref())?,
            registered_from: from.map(|first| start_of_day(first, timezone)),
            registered_until: next.map(|next| start_of_day(next, timezone)),
        })
    }
}

/// A field that is left empty asks for nothing.
fn text(name: &'static str, value: Option<&str>) -> Result<Option<String>, Problem> {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    if value.chars().count() > MAX_TEXT {
        return Err(Problem::field(name, "must have at most 64 characters"));
    }
    Ok(Some(value.to_owned()))
}

/// A player in the list.
#[derive(Serialize, ToSchema)]
pub struct PlayerItemView {
    player_id: i64,
    username: String,
    agent: PlayerAgentView,
    #[schema(schema_with = status_schema)]
    status: String,
    tags: Vec<String>,
    registered_at: DateTime<Utc>,
    first_deposit_at: Option<DateTime<Utc>>,
    last_login_at: Option<DateTime<Utc>>,
    #[serde(flatten)]
    sums: PlayerSumsView,
    lifetime: PlayerCashView,
}

columns!(PlayerItemView: player_id, username, agent, status, tags, registered_at, first_deposit_at,
    last_login_at, ~flat sums, lifetime);

/// The agent who has a player.
#[derive(Serialize, ToSchema)]
pub struct PlayerAgentView {
    pub(super) guid: i64,
    pub(super) username: String,
}

columns!(PlayerAgentView: guid, username);

/// What was done on the days asked for.
#[derive(Serialize, ToSchema)]
pub struct PlayerSumsView {
    #[schema(value_type = String, example = "1500.0000")]
    deposit_amount: Money,
    #[schema(value_type = String, example = "0.0000")]
    withdraw_amount: Money,
    #[schema(value_type = String, example = "4300.0000")]
    bet_amount: Money,
    #[schema(value_type = String, example = "4100.0000")]
    valid_bet_amount: Money,
    #[schema(value_type = String, example = "3900.0000")]
    win_amount: Money,
    /// Bets less wins, bonuses, fees and royalties.
    #[schema(value_type = String, example = "232.0000")]
    ngr: Money,
}

columns!(PlayerSumsView: deposit_amount, withdraw_amount, bet_amount, valid_bet_amount, win_amount, ngr);

/// Money in and out of a player's whole life.
#[derive(Serialize, ToSchema)]
pub struct PlayerCashView {
    #[schema(value_type = String, example = "40000.0000")]
    deposit_amount: Money,
    #[schema(value_type = String, example = "12000.0000")]
    withdraw_amount: Money,
}

columns!(PlayerCashView: deposit_amount, withdraw_amount);

/// Players below the agent: its own and those of everybody below. Sums are those of the range; the
/// summary is null where a filter leaves more than 10 000 players. Only the first 10 000 players of
/// an order have a page.
#[utoipa::path(get, path = "/agent/player/list", tag = "player",
    params(PageQuery, RangeQuery, PlayerQuery, FormatQuery),
    responses(
        (status = 200, description = "One page", body = ListView<PlayerItemView, PlayerSumsView>),
        (status = 404, description = "`not_found`: no such agent below", body = ProblemDocument),
    ))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(page): QueryParams<PageQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<PlayerQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let newest_first = Sort {
        key: PlayerSort::RegisteredAt,
        descending: true,
    };
    let search = PlayerSearch {
        agent: query.agent_guid.map(AgentGuid),
        scope: query.scope,
        filter: query.filter(&scope)?,
        sort: query.sort.unwrap_or(newest_first),
        days: range.range(&scope, app.core.clock.now())?,
    };
    let page = page.request()?;
    if format.is_csv() {
        let days = search.days;
        let all = use_case::export(&app, &principal, &scope, search).await?;
        return Ok(csv::answer(all, PlayerItemView::from, &scope, days));
    }
    let found = use_case::list(&app, &principal, &scope, search, page).await?;
    let (item, summary) = (PlayerItemView::from, PlayerSumsView::from);
    Ok(Json(ListView::new(found, item, summary)).into_response())
}

impl From<PlayerRow> for PlayerItemView {
    fn from(row: PlayerRow) -> Self {
        Self {
            player_id: row.player_id,
            username: row.username,
            agent: PlayerAgentView {
                guid: row.agent_guid.0,
                username: row.agent_username,
            },
            status: row.status,
            tags: row.tags,
            registered_at: row.registered_at,
            first_deposit_at: row.first_deposit_at,
            last_login_at: row.last_login_at,
            sums: row.sums.into(),
            lifetime: PlayerCashView {
                deposit_amount: Money(row.total_deposit_amount),
                withdraw_amount: Money(row.total_withdraw_amount),
            },
        }
    }
}

impl From<PlayerSums> for PlayerSumsView {
    fn from(sums: PlayerSums) -> Self {
        Self {
            deposit_amount: Money(sums.deposit_amount),
            withdraw_amount: Money(sums.withdraw_amount),
            bet_amount: Money(sums.bet_amount),
            valid_bet_amount: Money(sums.valid_bet_amount),
            win_amount: Money(sums.win_amount),
            ngr: Money(sums.ngr),
        }
    }
}
