//! The phone of an account, and how an account is found by one.

use std::collections::BTreeSet;

use agent_crypto::{BlindIndexKind, ContactHash, PiiColumn};
use agent_domain::{
    AgentGuid, Problem,
    portal::contact::{normalise_phone, older_spellings},
};
use agent_persistence::brand;
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

    pub(crate) fn blind_index(&self, app: &App) -> [u8; 32] {
        app.keys.blind_index(BlindIndexKind::Phone, &self.phone)
    }
}

/// The countries in which an old row without a country code may be meant.
pub(crate) struct Countries(BTreeSet<String>);

impl Countries {
    /// Of the host's brand and of the account's brands. For an account that does not exist the
    /// same question is asked.
    pub(crate) async fn of(
        app: &App,
        host: &str,
        agent: Option<AgentGuid>,
    ) -> Result<Self, Problem> {
        const NOBODY: AgentGuid = AgentGuid(0);
        let own = brand::phone_countries(app.core.db.pool(), agent.unwrap_or(NOBODY)).await?;
        Ok(Self(own.into_iter().chain([host.to_owned()]).collect()))
    }

    /// The phone of an account as stored, if it is the same in all of its countries: else each host
    /// would send the code to another person. `None` when it cannot be read, which is counted.
    pub(crate) fn phone(&self, app: &App, stored: &str) -> Option<Contact> {
        let read = self.read(app, stored);
        if read.is_none() {
            let tolerated = &app.core.metrics.tolerated_errors_total;
            tolerated.with_label_values(&["phone_unreadable"]).inc();
            tracing::warn!("the phone of an account cannot be read");
        }
        read.map(|e164| Contact::new(app, e164))
    }

    fn read(&self, app: &App, stored: &str) -> Option<String> {
        let plain = app.pii.decrypt(PiiColumn::Phone, stored).ok()?;
        let mut readings = self
            .0
            .iter()
            .map(|country| normalise_phone(&plain, country));
        let first = readings.next()??;
        readings
            .all(|other| other.as_ref() == Some(&first))
            .then_some(first)
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
