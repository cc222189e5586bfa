//! `/agent/withdraw/*`.

use std::collections::BTreeMap;

use agent_domain::{
    CardId, Currency, Money, Problem, WithdrawNo, portal::withdraw::WithdrawStatus,
};
use agent_persistence::portal::withdraw::{OrderRow, StatusTotal};
use agent_services::{
    App,
    portal::{
        withdraw::{self, AddRequest, Asking, CreatedOrder, Form},
        withdraw_transition::{Actor, Transition, transition},
    },
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use chrono::{DateTime, Utc};
use garde::Validate;
use http::StatusCode;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use utoipa::{
    IntoParams, ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::list::{ListView, RangeQuery};
use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    cursor::{LedgerQuery, LedgerView, List},
    error::{ApiError, ProblemDocument},
    extract::{AmountText, IdempotencyKey, PathParam, QueryParams, SignedIn, SourceOf, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(init))
        .routes(routes!(add))
        .routes(routes!(list))
        .routes(routes!(detail))
        .routes(routes!(cancel))
}

/// What the withdrawal form shows.
#[derive(Serialize, ToSchema)]
pub struct InitView {
    #[schema(value_type = String, example = "THB")]
    currency: Currency,
    #[schema(value_type = String, example = "25000.0000")]
    available: Money,
    #[schema(value_type = String, example = "0.0000")]
    frozen: Money,
    #[schema(value_type = String, example = "500.0000")]
    min_amount: Money,
    #[schema(value_type = String, example = "50000.0000")]
    max_amount: Money,
    /// Fraction of the amount: 0.0100 is 1 %.
    #[schema(value_type = String, example = "0.0100")]
    fee_rate: Money,
    #[schema(value_type = String, example = "0.0000")]
    fee_fixed: Money,
    /// Orders that may still be made today; null where there is no limit.
    daily_remaining: Option<i64>,
    /// Whether `withdraw/add` needs `payout_password`.
    payout_password_set: bool,
    /// The open order, if there is one.
    pending: Option<PendingView>,
    cards: Vec<FormCard>,
}

#[derive(Serialize, ToSchema)]
pub struct PendingView {
    withdraw_no: String,
}

#[derive(Serialize, ToSchema)]
pub struct FormCard {
    id: i64,
    bank_name: String,
    last4: String,
    is_default: bool,
}

/// A request for a withdrawal.
#[derive(Deserialize, Validate, ToSchema)]
pub struct AddBody {
    #[garde(skip)]
    amount: AmountText,
    /// One of the agent's own cards.
    #[garde(skip)]
    card_id: i64,
    /// Required once the agent has set one.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, format = Password)]
    payout_password: Option<String>,
    #[garde(length(chars, max = 200))]
    #[schema(max_length = 200)]
    remark: Option<String>,
}

/// The order that was made.
#[derive(Serialize, ToSchema)]
pub struct CreatedView {
    #[schema(example = "W20260428000017")]
    withdraw_no: String,
    #[schema(value_type = String, example = "1500.0000")]
    amount: Money,
    #[schema(value_type = String, example = "15.0000")]
    fee: Money,
    #[schema(value_type = String, example = "1485.0000")]
    net_amount: Money,
    #[schema(example = "THB")]
    currency: String,
    #[schema(schema_with = status_schema)]
    status: String,
}

/// One of the agent's orders.
#[derive(Serialize, ToSchema)]
pub struct OrderView {
    withdraw_no: String,
    #[schema(value_type = String, example = "1500.0000")]
    amount: Money,
    #[schema(value_type = String, example = "15.0000")]
    fee: Money,
    #[schema(value_type = String, example = "1485.0000")]
    net_amount: Money,
    currency: String,
    bank_name: String,
    card_last4: String,
    #[schema(schema_with = status_schema)]
    status: String,
    reject_reason: Option<String>,
    remark: Option<String>,
    created_at: DateTime<Utc>,
    reviewed_at: Option<DateTime<Utc>>,
    paid_at: Option<DateTime<Utc>>,
}

columns!(OrderView: withdraw_no, amount, fee, net_amount, currency, bank_name, card_last4, status,
    reject_reason, remark, created_at, reviewed_at, paid_at);

/// Count and amount of the orders in one state.
#[derive(Serialize, ToSchema)]
pub struct StatusTotalView {
    #[schema(minimum = 0)]
    count: i64,
    #[schema(value_type = String, example = "4500.0000")]
    amount: Money,
}

/// Totals by state.
type StatusSummary = BTreeMap<String, StatusTotalView>;

/// Which states a list shows.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatusQuery {
    /// Only orders in this state.
    #[param(inline, schema_with = status_schema)]
    status: Option<WithdrawStatus>,
}

fn status_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(WithdrawStatus::ALL.map(WithdrawStatus::as_str)))
        .build()
}

/// What the withdrawal form needs.
#[utoipa::path(get, path = "/agent/withdraw/init", tag = "withdraw", responses(
    (status = 200, description = "Balance, limits, fee and cards", body = InitView),
))]
pub async fn init(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
) -> Result<Json<InitView>, ApiError> {
    let Form { facts, cards } = withdraw::form(&app, &principal, &scope).await?;
    let cards = cards.into_iter().map(|card| FormCard {
        id: card.id,
        bank_name: card.bank_name,
        last4: card.card_last4,
        is_default: card.is_default,
    });
    let daily = facts.terms.daily_count;
    Ok(Json(InitView {
        currency: facts.terms.currency,
        available: Money(facts.balance.available),
        frozen: Money(facts.balance.frozen),
        min_amount: Money(facts.terms.min_amount),
        max_amount: Money(facts.terms.max_amount),
        fee_rate: Money(facts.terms.fee_rate),
        fee_fixed: Money(facts.terms.fee_fixed),
        daily_remaining: daily.map(|limit| (limit - facts.orders_today).max(0)),
        payout_password_set: facts.payout_password_set,
        pending: facts.pending.map(|withdraw_no| PendingView { withdraw_no }),
        cards: cards.collect(),
    }))
}

/// Ask for a withdrawal.
///
/// The amount is held at once. With an `Idempotency-Key` the same request may be sent again: it
/// gives the stored answer for 24 hours.
#[utoipa::path(post, path = "/agent/withdraw/add", tag = "withdraw", request_body = AddBody,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters",
        min_length = 1, max_length = 255)),
    responses(
        (status = 201, description = "The order is pending", body = CreatedView),
        (status = 403, description = "`payout_password_invalid`, `brand_forbidden`, `brand_unresolved`", body = ProblemDocument),
        (status = 409, description = "`withdraw_pending`, `insufficient_balance`, `daily_limit_reached`, `payout_cooldown`, `idempotency_conflict`", body = ProblemDocument),
        (status = 422, description = "`validation_failed`, `below_min_withdrawal`, `above_max_withdrawal`", body = ProblemDocument),
    ))]
pub async fn add(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    key: Option<IdempotencyKey>,
    Valid(body): Valid<AddBody>,
) -> Result<(StatusCode, Json<CreatedView>), ApiError> {
    let request = AddRequest {
        amount: body.amount.as_str().to_owned(),
        card: CardId(body.card_id),
        payout_password: body.payout_password,
        remark: body.remark,
        idempotency_key: key.map(|key| key.as_str().to_owned()),
    };
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let created = withdraw::add(&app, asking, &request).await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

impl From<CreatedOrder> for CreatedView {
    fn from(order: CreatedOrder) -> Self {
        Self {
            withdraw_no: order.withdraw_no,
            amount: order.amount,
            fee: order.fee,
            net_amount: order.net_amount,
            currency: order.currency,
            status: order.status,
        }
    }
}

/// Own orders, newest first.
#[utoipa::path(get, path = "/agent/withdraw/list", tag = "withdraw",
    params(LedgerQuery, RangeQuery, StatusQuery, FormatQuery),
    responses((status = 200, description = "One page; `summary` counts by state", body = LedgerView<OrderView, StatusSummary>)))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(query): QueryParams<LedgerQuery>,
    QueryParams(range): QueryParams<RangeQuery>,
    QueryParams(filter): QueryParams<StatusQuery>,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    let range = range.range(&scope, app.core.clock.now())?;
    let status = filter.status;
    let stretch = query.stretch(List::Withdrawals, format)?;
    if format.is_csv() {
        let all = withdraw::export(&app, &principal, &scope, range, status).await?;
        return Ok(csv::answer(all, OrderView::from, &scope, range));
    }
    let found = withdraw::list(&app, &principal, &scope, range, status, stretch).await?;
    let shown = ListView::new(found.page, OrderView::from, summary);
    Ok(Json(LedgerView::new(shown, found.next, List::Withdrawals)).into_response())
}

fn summary(totals: Vec<StatusTotal>) -> StatusSummary {
    let view = |total: StatusTotal| {
        (
            total.status,
            StatusTotalView {
                count: total.count,
                amount: Money(total.amount),
            },
        )
    };
    totals.into_iter().map(view).collect()
}

impl From<OrderRow> for OrderView {
    fn from(row: OrderRow) -> Self {
        let money = |value: Decimal| Money(value);
        Self {
            withdraw_no: row.withdraw_no,
            amount: money(row.amount),
            fee: money(row.fee),
            net_amount: money(row.net_amount),
            currency: row.currency,
            bank_name: row.bank_name,
            card_last4: row.card_last4,
            status: row.status,
            reject_reason: row.reject_reason,
            remark: row.remark,
            created_at: row.created_at,
            reviewed_at: row.reviewed_at,
            paid_at: row.paid_at,
        }
    }
}

/// One own order.
#[utoipa::path(get, path = "/agent/withdraw/{withdraw_no}", tag = "withdraw",
    params(("withdraw_no" = String, Path, description = "Number of the order")),
    responses(
        (status = 200, description = "The order", body = OrderView),
        (status = 404, description = "`not_found`", body = ProblemDocument),
    ))]
pub async fn detail(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(number): PathParam<String>,
) -> Result<Json<OrderView>, ApiError> {
    Ok(Json(
        withdraw::find(&app, &principal, &scope, &number)
            .await?
            .into(),
    ))
}

/// Take back an order that is still pending.
#[utoipa::path(post, path = "/agent/withdraw/{withdraw_no}/cancel", tag = "withdraw",
    params(("withdraw_no" = String, Path, description = "Number of the order")),
    responses(
        (status = 200, description = "Cancelled; the amount is available again", body = OrderView),
        (status = 404, description = "`not_found`", body = ProblemDocument),
        (status = 409, description = "`conflict`: no longer pending", body = ProblemDocument),
    ))]
pub async fn cancel(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    PathParam(number): PathParam<String>,
) -> Result<Json<OrderView>, ApiError> {
    let moved = Transition {
        number: WithdrawNo::parse(&number).ok_or_else(Problem::not_found)?,
        to: WithdrawStatus::Cancelled,
        actor: Actor::owner(&principal, &scope),
        reason: None,
    };
    transition(&app.core, &moved).await?;
    Ok(Json(
        withdraw::find(&app, &principal, &scope, &number)
            .await?
            .into(),
    ))
}
