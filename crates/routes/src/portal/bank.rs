//! `/agent/bank/*`.

use agent_domain::CardId;
use agent_services::{
    App,
    export::Opening,
    portal::{
        bank::{self, Card, MaskedCard},
        withdraw::Asking,
    },
};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse as _, Response},
};
use garde::Validate;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    RouteState,
    csv::{self, FormatQuery, columns},
    error::{ApiError, ProblemDocument},
    extract::{PathParam, QueryParams, SignedIn, SourceOf, Valid},
};

/// What is mounted for signed-in agents.
pub(crate) fn signed_in() -> OpenApiRouter<RouteState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(add))
        .routes(routes!(make_default))
        .routes(routes!(remove))
}

/// Own cards, masked, and the catalogue of banks.
#[derive(Serialize, ToSchema)]
pub struct BankListView {
    items: Vec<CardView>,
    banks: Vec<BankView>,
}

#[derive(Serialize, ToSchema)]
pub struct CardView {
    id: i64,
    bank_id: i32,
    bank_name: String,
    #[schema(example = "8891")]
    last4: String,
    #[schema(example = "S*** J***")]
    holder_masked: String,
    is_default: bool,
}

columns!(CardView: id, bank_id, bank_name, last4, holder_masked, is_default);

#[derive(Serialize, ToSchema)]
pub struct BankView {
    bank_id: i32,
    code: String,
    name: String,
    logo_url: Option<String>,
}

/// A card to bind.
#[derive(Deserialize, Validate, ToSchema)]
pub struct AddCardBody {
    /// Of the catalogue.
    #[garde(skip)]
    bank_id: i32,
    /// Card or account number; spaces and dashes do not count.
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, example = "4111 1111 1111 1111")]
    card_number: String,
    #[garde(length(chars, min = 1, max = 100))]
    #[schema(min_length = 1, max_length = 100, example = "SOMCHAI JAIDEE")]
    holder_name: String,
    #[garde(length(chars, max = 100))]
    #[schema(max_length = 100)]
    branch: Option<String>,
    /// Six digits, of `/agent/edit/bank/send-sms`.
    #[garde(length(chars, min = 1, max = 32))]
    #[schema(min_length = 1, max_length = 32, example = "123456")]
    code: String,
}

/// The card that was bound.
#[derive(Serialize, ToSchema)]
pub struct AddedCardView {
    id: i64,
    #[schema(example = "8891")]
    last4: String,
}

/// Proof of who asks.
#[derive(Deserialize, Validate, ToSchema)]
pub struct CardChangeBody {
    #[garde(length(chars, min = 1, max = 64))]
    #[schema(min_length = 1, max_length = 64, format = Password)]
    payout_password: String,
}

/// Own payout cards and the catalogue of banks.
#[utoipa::path(get, path = "/agent/bank/list", tag = "bank", params(FormatQuery), responses(
    (status = 200, description = "Cards and banks; CSV has the cards", body = BankListView),
))]
pub async fn list(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    QueryParams(format): QueryParams<FormatQuery>,
) -> Result<Response, ApiError> {
    if format.is_csv() {
        let opening = Opening::new(&app, &principal, "bank_cards")?;
        let all = opening.ready(bank::list(&app, &principal).await?.cards)?;
        let today = csv::today(&app, &scope);
        return Ok(csv::answer(all, CardView::from, &scope, today));
    }
    let found = bank::list(&app, &principal).await?;
    let items = found.cards.into_iter().map(CardView::from);
    let banks = found.banks.into_iter().map(|bank| BankView {
        bank_id: bank.bank_id,
        code: bank.code,
        name: bank.name,
        logo_url: bank.logo_url,
    });
    Ok(Json(BankListView {
        items: items.collect(),
        banks: banks.collect(),
    })
    .into_response())
}

impl From<MaskedCard> for CardView {
    fn from(card: MaskedCard) -> Self {
        Self {
            id: card.row.id,
            bank_id: card.row.bank_id,
            bank_name: card.row.bank_name,
            last4: card.row.card_last4,
            holder_masked: card.holder_masked,
            is_default: card.row.is_default,
        }
    }
}

/// Bind a payout card.
///
/// The code is asked for by `/agent/edit/bank/send-sms`. The first card becomes the default.
#[utoipa::path(post, path = "/agent/bank/add", tag = "bank", request_body = AddCardBody, responses(
    (status = 201, description = "Bound", body = AddedCardView),
    (status = 400, description = "`otp_invalid`, `otp_expired`, `malformed_request`", body = ProblemDocument),
    (status = 409, description = "`card_limit`, `card_taken`, `phone_unbound`, `payout_cooldown`, `brand_ambiguous`", body = ProblemDocument),
))]
pub async fn add(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    Valid(body): Valid<AddCardBody>,
) -> Result<(StatusCode, Json<AddedCardView>), ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    let card = Card {
        bank_id: body.bank_id,
        number: &body.card_number,
        number_field: "card_number",
        holder_name: &body.holder_name,
        branch: body.branch.as_deref(),
    };
    let added = bank::add(&app, asking, &card, &body.code).await?;
    let view = AddedCardView {
        id: added.id.0,
        last4: added.last4,
    };
    Ok((StatusCode::CREATED, Json(view)))
}

/// Make a payout card the default.
#[utoipa::path(post, path = "/agent/bank/{id}/default", tag = "bank", request_body = CardChangeBody,
    params(("id" = i64, Path, description = "The card")),
    responses(
        (status = 204, description = "The card is the default"),
        (status = 403, description = "`payout_password_invalid`, `payout_password_unset`, `brand_forbidden`, `brand_unresolved`", body = ProblemDocument),
        (status = 404, description = "`not_found`", body = ProblemDocument),
        (status = 409, description = "`payout_cooldown`, `conflict`, `brand_ambiguous`", body = ProblemDocument),
    ))]
pub async fn make_default(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    PathParam(card): PathParam<i64>,
    Valid(body): Valid<CardChangeBody>,
) -> Result<StatusCode, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    bank::make_default(&app, asking, CardId(card), &body.payout_password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a payout card out of use.
///
/// The default and the last card stay while a withdrawal is still to be paid. When the default
/// goes, the oldest other card takes its place.
#[utoipa::path(post, path = "/agent/bank/{id}/remove", tag = "bank", request_body = CardChangeBody,
    params(("id" = i64, Path, description = "The card")),
    responses(
        (status = 204, description = "The card is out of use"),
        (status = 403, description = "`payout_password_invalid`, `payout_password_unset`, `brand_forbidden`, `brand_unresolved`", body = ProblemDocument),
        (status = 404, description = "`not_found`", body = ProblemDocument),
        (status = 409, description = "`payout_cooldown`, `conflict`, `brand_ambiguous`", body = ProblemDocument),
    ))]
pub async fn remove(
    State(app): State<App>,
    SignedIn { principal, scope }: SignedIn,
    SourceOf(source): SourceOf,
    PathParam(card): PathParam<i64>,
    Valid(body): Valid<CardChangeBody>,
) -> Result<StatusCode, ApiError> {
    let asking = Asking {
        principal: &principal,
        scope: &scope,
        source: &source,
    };
    bank::remove(&app, asking, CardId(card), &body.payout_password).await?;
    Ok(StatusCode::NO_CONTENT)
}
