//! Whom a request for recovery is about.

use agent_crypto::{BlindIndexKind, ContactHash, PiiColumn};
use agent_domain::{
    AgentGuid, Brand, Problem,
    portal::{
        auth::{AgentStatus, normalise_username},
        contact::{normalise_email, normalise_phone},
        recovery::Reason,
    },
};
use agent_persistence::portal::recovery::{self as store, ContactRow};

use crate::{
    app::App,
    portal::contact::{Contact, Countries, older_forms, older_phone_forms},
};

/// Completes a national number where no brand tells the country: a code that the ITU has not
/// assigned, so that no account is found by it.
const NO_COUNTRY: &str = "999";

/// An account as a client names it. Holds PII: no `Debug`.
pub enum Named {
    Username(String),
    /// In E.164.
    Phone(String),
    Email(String),
    /// The phone in E.164; it must be the account's.
    UsernameAndPhone {
        username: String,
        phone: String,
    },
}

impl Named {
    #[must_use]
    pub fn username(text: &str) -> Self {
        Self::Username(normalise_username(text))
    }

    /// A phone or an e-mail address.
    ///
    /// # Errors
    /// `validation_failed` for what is neither.
    pub fn contact(text: &str, brand: Option<&Brand>) -> Result<Self, Problem> {
        if let Some(email) = normalise_email(text) {
            return Ok(Self::Email(email));
        }
        let phone = normalise_phone(text, country(brand));
        phone
            .map(Self::Phone)
            .ok_or_else(|| Problem::field("contact", "must be a phone or an e-mail address"))
    }

    /// # Errors
    /// `validation_failed` for what is no phone.
    pub fn username_and_phone(
        username: &str,
        phone: &str,
        brand: Option<&Brand>,
    ) -> Result<Self, Problem> {
        let phone = normalise_phone(phone, country(brand))
            .ok_or_else(|| Problem::field("phone_num", "must be a phone number"))?;
        Ok(Self::UsernameAndPhone {
            username: normalise_username(username),
            phone,
        })
    }

    /// What requests are counted by: the contact where one is named.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Username(text) | Self::Phone(text) | Self::Email(text) => text,
            Self::UsernameAndPhone { phone, .. } => phone,
        }
    }
}

fn country(brand: Option<&Brand>) -> &str {
    brand.map_or(NO_COUNTRY, |brand| &brand.phone_country)
}

/// What was found.
pub(crate) struct Account {
    pub(crate) agent: Option<AgentGuid>,
    /// Where a code would go, or why it cannot.
    pub(crate) contact: Result<Contact, Reason>,
    /// Of an account that has only an e-mail address.
    pub(crate) email: Option<ContactHash>,
}

impl Account {
    fn refused(agent: Option<AgentGuid>, reason: Reason) -> Self {
        Self {
            agent,
            contact: Err(reason),
            email: None,
        }
    }

    /// The contact's hash for rows; of what the client named where no contact is known.
    pub(crate) fn contact_hash(&self, app: &App, named: &Named) -> ContactHash {
        match (&self.contact, &self.email) {
            (Ok(contact), _) => contact.hash.clone(),
            (Err(_), Some(email)) => email.clone(),
            (Err(_), None) => app.contacts.hash(named.key()),
        }
    }
}

/// Looks the account up. One that is locked, deleted, or shares the contact with another is
/// answered like an unknown one.
pub(crate) async fn find(
    app: &App,
    brand: Option<&Brand>,
    named: &Named,
) -> Result<Account, Problem> {
    let row = look_up(app, brand, named).await?;
    let agent = row.as_ref().map(|row| row.agent);
    let countries = Countries::of(app, country(brand), agent).await?;
    let row = match row {
        Some(row) if row.status == AgentStatus::Active => row,
        Some(row) if row.status == AgentStatus::Locked => {
            return Ok(Account::refused(Some(row.agent), Reason::AccountLocked));
        }
        _ => return Ok(Account::refused(None, Reason::UnknownAccount)),
    };
    let account = contact_of(app, &countries, &row);
    let Named::UsernameAndPhone { phone, .. } = named else {
        return Ok(account);
    };
    Ok(match &account.contact {
        Ok(contact) if *contact.phone == *phone => account,
        Ok(_) => Account::refused(account.agent, Reason::ContactMismatch),
        Err(_) => account,
    })
}

/// Whether a code that was sent to the contact of that hash went to the phone that the account has
/// now. The code may have been made while the phone was being changed.
pub(crate) async fn still_has(
    app: &App,
    brand: Option<&Brand>,
    agent: AgentGuid,
    contact_hash: Option<&str>,
) -> Result<bool, Problem> {
    let Some(row) = store::by_guid(app.core.db.pool(), agent).await? else {
        return Ok(false);
    };
    let countries = Countries::of(app, country(brand), Some(agent)).await?;
    let contact = contact_of(app, &countries, &row).contact;
    Ok(contact.is_ok_and(|contact| Some(contact.hash.as_hex()) == contact_hash))
}

async fn look_up(
    app: &App,
    brand: Option<&Brand>,
    named: &Named,
) -> Result<Option<ContactRow>, Problem> {
    let pool = app.core.db.pool();
    let found = match named {
        Named::Username(username) | Named::UsernameAndPhone { username, .. } => {
            return Ok(store::by_username(pool, username).await?);
        }
        Named::Phone(phone) => {
            let index = app.keys.blind_index(BlindIndexKind::Phone, phone);
            let older = older_phone_forms(app, phone, country(brand));
            store::by_phone(pool, &index, &older).await?
        }
        Named::Email(email) => {
            let index = app.keys.blind_index(BlindIndexKind::Email, email);
            let older = older_forms(app, vec![email.clone()]);
            store::by_email(pool, &index, &older).await?
        }
    };
    let mut found = found.into_iter();
    Ok(match (found.next(), found.next()) {
        (only, None) => only,
        _shared => None,
    })
}

fn contact_of(app: &App, countries: &Countries, row: &ContactRow) -> Account {
    let agent = Some(row.agent);
    match (&row.phone_num, &row.email) {
        (Some(stored), _) => Account {
            agent,
            contact: countries
                .phone(app, stored)
                .ok_or(Reason::ContactUnreadable),
            email: None,
        },
        (None, Some(stored)) => Account {
            agent,
            contact: Err(Reason::EmailUnprovisioned),
            email: email_hash(app, stored),
        },
        (None, None) => Account::refused(agent, Reason::NoContact),
    }
}

fn email_hash(app: &App, stored: &str) -> Option<ContactHash> {
    let plain = app.pii.decrypt(PiiColumn::Email, stored).ok()?;
    Some(app.contacts.hash(&normalise_email(&plain)?))
}
