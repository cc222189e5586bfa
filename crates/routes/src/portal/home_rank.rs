//! `/agent/home/rank`: who did most.

use agent_domain::{Money, Problem};
use agent_persistence::portal::home_rank::{self as store, RankRow};
use agent_services::{
    App,
    export::Opening,
    portal::home::{self, Asked, RankBy},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{home::StatScopeQuery, list::RangeQuery};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new().routes(routes!(rank))
}

/// Whom to rank, and by what.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RankQuery {
    /// Direct subs with their teams, or players. `scope` is about players.
    #[param(inline)]
    #[serde(default)]
    pub of: RankOf,
    #[param(inline)]
    #[serde(default)]
    pub by: RankByName,
    /// Longest ranking; 10 where nothing is said.
    #[param(minimum = 1, maximum = 50)]
    pub limit: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum RankOf {
    #[default]
    Players,
    Subs,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RankByName {
    #[default]
    Ngr,
    Deposit,
    Bet,
}

impl RankByName {
    fn by(self) -> RankBy {
        match self {
            Self::Ngr => RankBy::Ngr,
            Self::Deposit => RankBy::Deposit,
            Self::Bet => RankBy::Bet,
        }
    }
}

/// A player or a direct sub.
#[derive(Serialize, ToSchema)]
pub struct RankItemView {
    /// `player_id` of a player, `guid` of a sub.
    id: i64,
    username: String,
    #[schema(value_type = String, example = "80000.0000")]
    deposit_amount: Money,
    #[schema(value_type = String, example = "250000.0000")]
    bet_amount: Money,
    /// Bets less wins, bonus, fee and royalty.
    #[schema(value_type = String, example = "10540.0000")]
    ngr: Money,
}

columns!(RankItemView: id, username, deposit_amount, bet_amount, ngr);

impl From<RankRow> for RankItemView {
    fn from(row: RankRow) -> Self {
        Self {
            id: row.id,
            username: row.username,
            deposit_amount: Money(row.deposit_amount),
            bet_amount: Money(row.bet_amount),
            ngr: Money(row.ngr),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct RankView {
    /// Highest first.
    items: Vec<RankItemView>,
}

/// Players or direct subs who did most in a range.
#[utoipa::path(get, path = "/agent/home/rank", tag = "home",
    params(RangeQuery, RankQuery, StatScopeQuery, FormatQuery),
    responses(
        (status = 200, description = "The ranking", body = RankView),
        (status = 422, description = "`validation_failed`; `range_too_long`: also when more than 4 000 000 players \
                                      would have to be added up, day by day", body = ProblemDocument),
        (status = 503, description = "`unavailable`: also when adding up takes too long", body = ProblemDocument),
    ))]
pub async fn rank(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<RankQuery>,
    QueryParams(whose): QueryParams<StatScopeQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let (by, limit) = (query.by.by(), query.limit.unwrap_or(10));
    if !(1..=50).contains(&limit) {
        return Err(Problem::field("limit", "must be between 1 and 50").into());
    }
    let export = || Opening::new(&app, &principal, "rank");
    let export = format.is_csv().then(export).transpose()?;
    let rows = match query.of {
        RankOf::Players => {
            let asked = Asked {
                principal: &principal,
                scope: &scope,
                whose: whose.scope.scope(),
            };
            home::top_players(&app, asked, range, by, limit).await?
        }
        RankOf::Subs => {
            let pool = app.core.db.pool();
            let subs = store::subs(pool, &scope, principal.agent(), range, by, limit).await;
            subs.map_err(Problem::from)?
        }
    };
    if let Some(export) = export {
        let all = export.ready(rows)?;
        return Ok(csv::answer(all, RankItemView::from, &scope, range));
    }
    let items = rows.into_iter().map(RankItemView::from).collect();
    Ok(Json(RankView { items }).into_response())
}
