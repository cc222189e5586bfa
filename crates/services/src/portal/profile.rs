//! The agent's own profile, with contacts masked.

use agent_crypto::PiiColumn;
use agent_domain::{
    Problem,
    portal::bank::{mask_email, mask_phone},
};
use agent_persistence::portal::profile::{self as store, ProfileRow};

use crate::{app::App, portal::masking::masked, session::Principal};

/// The profile as the agent may see it.
pub struct Profile {
    pub row: ProfileRow,
    pub phone_masked: Option<String>,
    pub email_masked: Option<String>,
}

/// # Errors
/// `unavailable` when the database does not answer.
pub async fn profile(app: &App, principal: &Principal) -> Result<Profile, Problem> {
    let row = store::profile(app.core.db.pool(), principal.agent())
        .await?
        .ok_or_else(Problem::unauthenticated)?;
    let masked = |column, stored: &Option<String>, mask| {
        stored
            .as_deref()
            .map(|stored| masked(app, column, stored, mask))
    };
    let phone_masked = masked(PiiColumn::Phone, &row.phone_num, mask_phone);
    let email_masked = masked(PiiColumn::Email, &row.email, mask_email);
    Ok(Profile {
        row,
        phone_masked,
        email_masked,
    })
}
