//! `/agent/bank/*`.

use agent_services::{App, portal::bank};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{error::ApiError, extract::SignedIn};

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

#[derive(Serialize, ToSchema)]
pub struct BankView {
    bank_id: i32,
    code: String,
    name: String,
    logo_url: Option<String>,
}

/// Own payout cards and the catalogue of banks.
#[utoipa::path(get, path = "/agent/bank/list", tag = "bank", responses(
    (status = 200, description = "Cards and banks", body = BankListView),
))]
pub async fn list(
    State(app): State<App>,
    signed: SignedIn,
) -> Result<Json<BankListView>, ApiError> {
    let found = bank::list(&app, &signed.principal).await?;
    let items = found.cards.into_iter().map(|card| CardView {
        id: card.row.id,
        bank_id: card.row.bank_id,
        bank_name: card.row.bank_name,
        last4: card.row.card_last4,
        holder_masked: card.holder_masked,
        is_default: card.row.is_default,
    });
    let banks = found.banks.into_iter().map(|bank| BankView {
        bank_id: bank.bank_id,
        code: bank.code,
        name: bank.name,
        logo_url: bank.logo_url,
    });
    Ok(Json(BankListView {
        items: items.collect(),
        banks: banks.collect(),
    }))
}
