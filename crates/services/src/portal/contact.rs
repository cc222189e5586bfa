//! The phone of an account, and how an account is found by one.

use agent_crypto::{BlindIndexKind, ContactHash, PiiColumn};
use agent_domain::portal::contact::{normalise_phone, older_spellings};
use zeroize::Zeroizing;

use crate::app::App;

/// A phone in E.164 form with the hash that stands for it wherever it is written down. It has no
/// `Debug`.
pub(crate) struct Contact {
    pub(crate) phone: Zeroizing<String>,
    pub(crate) hash: ContactHash,
}

impl Contact {
    pub(crate) fn new(app: &App, e164: String) -> Self {
        Self {
            hash: app.contacts.hash(&e164),
            phone: Zeroizing::new(e164),
        }
    }

    /// The phone of an account as stored. `None` when it cannot be read, which is counted.
    pub(crate) fn stored(app: &App, stored: &str, country: &str) -> Option<Self> {
        let plain = app.pii.decrypt(PiiColumn::Phone, stored);
        let e164 = plain
            .ok()
            .and_then(|plain| normalise_phone(&plain, country));
        if e164.is_none() {
            let tolerated = &app.core.metrics.tolerated_errors_total;
            tolerated.with_label_values(&["phone_unreadable"]).inc();
            tracing::warn!("the phone of an account cannot be read");
        }
        e164.map(|e164| Self::new(app, e164))
    }

    pub(crate) fn blind_index(&self, app: &App) -> [u8; 32] {
        app.keys.blind_index(BlindIndexKind::Phone, &self.phone)
    }
}

/// The forms in which a row without an index may hold a phone: plain, or as the older cipher wrote
/// it, which gave equal text for equal phones.
pub(crate) fn older_phone_forms(app: &App, e164: &str, country: &str) -> Vec<String> {
    older_forms(app, older_spellings(e164, country))
}

pub(crate) fn older_forms(app: &App, spellings: Vec<String>) -> Vec<String> {
    let encrypted = spellings
        .iter()
        .filter_map(|spelling| app.pii.legacy_cbc_form(spelling));
    let encrypted: Vec<String> = encrypted.collect();
    spellings.into_iter().chain(encrypted).collect()
}
