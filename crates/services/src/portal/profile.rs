//! The agent's own profile, with contacts masked.

use agent_crypto::PiiColumn;
use agent_domain::{
    Problem,
    portal::bank::{mask_email, mask_phone},
};
use agent_persistence::portal::profile::{self as store, ProfileRow};

use crate::{app::App, session::Principal};

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
    let phone_masked = masked(app, PiiColumn::Phone, row.phone_num.as_deref(), mask_phone);
    let email_masked = masked(app, PiiColumn::Email, row.email.as_deref(), mask_email);
    Ok(Profile {
        row,
        phone_masked,
        email_masked,
    })
}

/// A value that cannot be read is shown as unreadable: one bad field does not take the page away.
fn masked(
    app: &App,
    column: PiiColumn,
    stored: Option<&str>,
    mask: fn(&str) -> String,
) -> Option<String> {
    let stored = stored?;
    match app.pii.decrypt(column, stored) {
        Ok(plain) => Some(mask(&plain)),
        Err(error) => {
            app.core
                .metrics
                .tolerated_errors_total
                .with_label_values(&["pii_unreadable"])
                .inc();
            tracing::warn!(%error, ?column, "a PII column cannot be read");
            Some("***".to_owned())
        }
    }
}
