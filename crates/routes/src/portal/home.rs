//! `/agent/home/*`: the dashboard.

use agent_domain::{
    Currency, Money,
    portal::report::{GroupBy, StatScope, Totals},
};
use agent_services::{
    App,
    export::Opening,
    portal::home::{self, Asked, Link, Period, Summary},
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::list::RangeQuery;
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{QueryParams, SignedIn},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(summary))
        .routes(routes!(trend))
        .routes(routes!(promotion))
}

/// Whose players count.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatScopeQuery {
    /// Own players alone, or with those of everybody below.
    #[param(inline)]
    #[serde(default)]
    pub scope: StatScopeName,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatScopeName {
    Direct,
    #[default]
    Team,
}

impl StatScopeName {
    pub(crate) fn scope(self) -> StatScope {
        match self {
            Self::Direct => StatScope::Direct,
            Self::Team => StatScope::Team,
        }
    }
}

/// Steps of the chart.
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrendQuery {
    /// `day` where nothing is said; weeks begin on Mondays.
    #[param(inline)]
    #[serde(default)]
    pub group_by: GroupByName,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupByName {
    #[default]
    Day,
    Week,
    Month,
}

impl GroupByName {
    fn group_by(self) -> GroupBy {
        match self {
            Self::Day => GroupBy::Day,
            Self::Week => GroupBy::Week,
            Self::Month => GroupBy::Month,
        }
    }
}

/// Sums over days, in the brand's currency.
#[derive(Serialize, ToSchema)]
pub struct TotalsView {
    new_players: i64,
    /// Agents recruited.
    new_subs: i64,
    /// Players who deposited for the first time.
    ftd_count: i64,
    /// What those deposited on that day.
    #[schema(value_type = String, example = "12000.0000")]
    ftd_amount: Money,
    #[schema(value_type = String, example = "80000.0000")]
    deposit_amount: Money,
    deposit_count: i64,
    #[schema(value_type = String, example = "30000.0000")]
    withdraw_amount: Money,
    withdraw_count: i64,
    #[schema(value_type = String, example = "250000.0000")]
    bet_amount: Money,
    bet_count: i64,
    #[schema(value_type = String, example = "245000.0000")]
    valid_bet_amount: Money,
    #[schema(value_type = String, example = "235000.0000")]
    win_amount: Money,
    #[schema(value_type = String, example = "2000.0000")]
    bonus_amount: Money,
    #[schema(value_type = String, example = "960.0000")]
    fee_amount: Money,
    #[schema(value_type = String, example = "1500.0000")]
    royalty_amount: Money,
    /// Bets less wins: above zero when the house won.
    #[schema(value_type = String, example = "15000.0000")]
    ggr: Money,
    /// `ggr` less bonus, fee and royalty.
    #[schema(value_type = String, example = "10540.0000")]
    ngr: Money,
    /// The agent's part of what the game providers brought in.
    #[schema(value_type = String, example = "4200.0000")]
    commission: Money,
}

columns!(TotalsView: new_players, new_subs, ftd_count, ftd_amount, deposit_amount,
    deposit_count, withdraw_amount, withdraw_count, bet_amount, bet_count, valid_bet_amount, win_amount,
    bonus_amount, fee_amount, royalty_amount, ggr, ngr, commission);

impl From<Totals> for TotalsView {
    fn from(totals: Totals) -> Self {
        Self {
            new_players: totals.new_players,
            new_subs: totals.new_subs,
            ftd_count: totals.ftd_count,
            ftd_amount: Money(totals.ftd_amount),
            deposit_amount: Money(totals.deposit_amount),
            deposit_count: totals.deposit_count,
            withdraw_amount: Money(totals.withdraw_amount),
            withdraw_count: totals.withdraw_count,
            bet_amount: Money(totals.bet_amount),
            bet_count: totals.bet_count,
            valid_bet_amount: Money(totals.valid_bet_amount),
            win_amount: Money(totals.win_amount),
            bonus_amount: Money(totals.bonus_amount),
            fee_amount: Money(totals.fee_amount),
            royalty_amount: Money(totals.royalty_amount),
            ggr: Money(totals.ggr()),
            ngr: Money(totals.ngr()),
            commission: Money(totals.commission),
        }
    }
}

/// Sums and the players behind them.
#[derive(Serialize, ToSchema)]
pub struct PeriodView {
    /// Players who bet or deposited, each counted once.
    active_players: i64,
    #[serde(flatten)]
    totals: TotalsView,
}

columns!(PeriodView: active_players, ~flat totals);

impl From<Period> for PeriodView {
    fn from(period: Period) -> Self {
        Self {
            active_players: period.activity.active_players,
            totals: period.activity.totals.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct BalanceView {
    #[schema(value_type = String, example = "25000.0000")]
    available: Money,
    /// Money held by open withdrawals.
    #[schema(value_type = String, example = "0.0000")]
    frozen: Money,
    #[schema(value_type = String, example = "THB")]
    currency: Currency,
}

/// The range beside as many days right before it.
#[derive(Serialize, ToSchema)]
pub struct SummaryView {
    current: PeriodView,
    previous: PeriodView,
    balance: BalanceView,
    /// Agents below: the direct ones, or all.
    sub_count: i64,
    player_count: i64,
}

/// One step of the chart.
#[derive(Serialize, ToSchema)]
pub struct TrendItemView {
    /// First day of the step, which may lie before the range; only days of the range are summed.
    date: NaiveDate,
    #[serde(flatten)]
    period: PeriodView,
}

columns!(TrendItemView: date, ~flat period);

#[derive(Serialize, ToSchema)]
pub struct TrendView {
    /// Every step, also those on which nothing happened.
    items: Vec<TrendItemView>,
}

/// A link that brings players.
#[derive(Serialize, ToSchema)]
pub struct LinkView {
    #[schema(example = "play.example.com")]
    domain: String,
    #[schema(example = "https://play.example.com/?invite=ABC123")]
    url: String,
    /// The link as an SVG image.
    qr_svg: String,
}

#[derive(Serialize, ToSchema)]
pub struct PromotionView {
    invite_code: String,
    /// Own hosts, then the brand's.
    links: Vec<LinkView>,
}

/// Key figures of a range and of as many days before.
#[utoipa::path(get, path = "/agent/home/summary", tag = "home",
    params(RangeQuery, StatScopeQuery),
    responses(
        (status = 200, description = "The figures", body = SummaryView),
        (status = 422, description = "`validation_failed`, `range_too_long`", body = ProblemDocument),
    ))]
pub async fn summary(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(query): QueryParams<StatScopeQuery>,
) -> Result<Json<SummaryView>, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let asked = Asked {
        principal: &principal,
        scope: &scope,
        whose: query.scope.scope(),
    };
    let Summary {
        current,
        previous,
        holdings,
    } = home::summary(&app, asked, range).await?;
    Ok(Json(SummaryView {
        current: current.into(),
        previous: previous.into(),
        balance: BalanceView {
            available: Money(holdings.available),
            frozen: Money(holdings.frozen),
            currency: scope.brand().currency,
        },
        sub_count: holdings.sub_count,
        player_count: holdings.player_count,
    }))
}

/// Figures step by step, without gaps.
#[utoipa::path(get, path = "/agent/home/trend", tag = "home",
    params(RangeQuery, TrendQuery, StatScopeQuery, FormatQuery),
    responses(
        (status = 200, description = "The steps", body = TrendView),
        (status = 422, description = "`validation_failed`, `range_too_long`", body = ProblemDocument),
    ))]
pub async fn trend(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(steps): QueryParams<TrendQuery>,
    QueryParams(query): QueryParams<StatScopeQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let asked = Asked {
        principal: &principal,
        scope: &scope,
        whose: query.scope.scope(),
    };
    let group_by = steps.group_by.group_by();
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "trend")?;
        let all = opening.ready(home::trend(&app, asked, range, group_by).await?)?;
        return Ok(csv::answer(all, TrendItemView::from, &scope, range));
    }
    let periods = home::trend(&app, asked, range, group_by).await?;
    let items = periods.into_iter().map(TrendItemView::from).collect();
    Ok(Json(TrendView { items }).into_response())
}

impl From<Period> for TrendItemView {
    fn from(period: Period) -> Self {
        Self {
            date: period.start,
            period: period.into(),
        }
    }
}

/// The invite code and the links that carry it.
#[utoipa::path(get, path = "/agent/home/promotion", tag = "home", responses(
    (status = 200, description = "Code and links", body = PromotionView),
))]
pub async fn promotion(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
) -> Result<Json<PromotionView>, ApiError> {
    let found = home::promotion(&app, &principal, &scope).await?;
    let view = |link: Link| LinkView {
        domain: link.domain,
        url: link.url,
        qr_svg: link.qr_svg,
    };
    Ok(Json(PromotionView {
        invite_code: found.invite_code,
        links: found.links.into_iter().map(view).collect(),
    }))
}
