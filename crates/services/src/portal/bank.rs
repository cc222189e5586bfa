//! The agent's payout cards, masked.

use agent_crypto::PiiColumn;
use agent_domain::{Problem, portal::bank::mask_holder};
use agent_persistence::portal::bank::{self as store, BankRow, CardRow};

use crate::{app::App, portal::masking::masked, session::Principal};

/// A card as its owner may see it.
pub struct MaskedCard {
    pub row: CardRow,
    pub holder_masked: String,
}

/// Own cards and the catalogue of banks.
pub struct CardsAndBanks {
    pub cards: Vec<MaskedCard>,
    pub banks: Vec<BankRow>,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn list(app: &App, principal: &Principal) -> Result<CardsAndBanks, Problem> {
    let pool = app.core.db.pool();
    let cards = store::cards(pool, principal.agent()).await?;
    let banks = store::catalogue(pool).await?;
    let cards = cards.into_iter().map(|row| masked_card(app, row)).collect();
    Ok(CardsAndBanks { cards, banks })
}

fn masked_card(app: &App, row: CardRow) -> MaskedCard {
    let holder_masked = masked(app, PiiColumn::HolderName, &row.holder_name, mask_holder);
    MaskedCard { row, holder_masked }
}
