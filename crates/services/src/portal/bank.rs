//! The agent's payout cards, masked.

use agent_crypto::PiiColumn;
use agent_domain::{Problem, portal::bank::mask_holder};
use agent_persistence::portal::bank::{self as store, BankRow, CardRow};

use crate::{app::App, session::Principal};

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
    let cards = cards.into_iter().map(|row| masked(app, row)).collect();
    Ok(CardsAndBanks { cards, banks })
}

/// A holder that cannot be read is shown as unreadable: one bad row does not break the list.
fn masked(app: &App, row: CardRow) -> MaskedCard {
    let holder_masked = match app.pii.decrypt(PiiColumn::HolderName, &row.holder_name) {
        Ok(plain) => mask_holder(&plain),
        Err(error) => {
            app.core
                .metrics
                .tolerated_errors_total
                .with_label_values(&["pii_unreadable"])
                .inc();
            tracing::warn!(%error, card = row.id, "a card's holder cannot be read");
            "***".to_owned()
        }
    };
    MaskedCard { row, holder_masked }
}
