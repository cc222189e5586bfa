//! Showing a little of an encrypted value.

use agent_crypto::PiiColumn;

use crate::app::App;

/// What is shown of a value that cannot be read: one bad field does not take a page away.
const UNREADABLE: &str = "***";

/// Decrypts a stored value and shows what `mask` leaves of it.
pub(crate) fn masked(
    app: &App,
    column: PiiColumn,
    stored: &str,
    mask: fn(&str) -> String,
) -> String {
    match app.pii.decrypt(column, stored) {
        Ok(plain) => mask(&plain),
        Err(error) => {
            let tolerated = &app.core.metrics.tolerated_errors_total;
            tolerated.with_label_values(&["pii_unreadable"]).inc();
            tracing::warn!(%error, ?column, "a PII column cannot be read");
            UNREADABLE.to_owned()
        }
    }
}
