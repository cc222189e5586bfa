//! One-time codes: what they are good for, how often they are sent and guessed.

use std::time::Duration;

use agent_crypto::{OneTimeCode, random};
use agent_domain::{
    AgentGuid, Brand, Problem,
    portal::recovery::{Purpose, Reason},
};
use agent_persistence::{
    DbError, Tx,
    portal::recovery::{self as store, Guess, NewCode, Verdict},
};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{
    app::App,
    limiter::{Counted, WithoutRedis},
    portal::{auth::Source, contact::Contact},
    sms::ShortMessage,
};

/// All that a code is good for. It is found by the keyed hash of it and hashed together with it:
/// with another account, brand, purpose or new value there is no such code.
pub(crate) struct Subject {
    purpose: Purpose,
    text: Zeroizing<String>,
    key: [u8; 32],
}

impl Subject {
    pub(crate) fn new(app: &App, purpose: Purpose, parts: &[&str]) -> Self {
        let text = json!([purpose.as_str(), parts]).to_string();
        Self {
            purpose,
            key: app.keys.limit_digest("code-subject", &text),
            text: Zeroizing::new(text),
        }
    }

    fn hash(&self, app: &App, digits: &str) -> [u8; 32] {
        app.keys.one_time_code_hash(&self.text, digits)
    }
}

/// A code that is about to be sent.
pub(crate) struct Drawn {
    pub(crate) id: Uuid,
    code: OneTimeCode,
    subject: Subject,
    now: DateTime<Utc>,
}

/// Whose code it is, as far as that is known.
#[derive(Clone, Copy)]
pub(crate) struct Holder<'a> {
    pub(crate) agent: Option<AgentGuid>,
    /// 0 where no brand was resolved.
    pub(crate) brand_id: i64,
    pub(crate) contact_hash: Option<&'a str>,
}

impl Drawn {
    pub(crate) fn new(app: &App, id: Uuid, subject: Subject) -> Self {
        Self {
            id,
            code: OneTimeCode::generate(),
            subject,
            now: app.core.clock.now(),
        }
    }

    /// Stores the hash of the code and ends older codes of the same purpose. A code that will not
    /// be sent is stored dead, as a hash that no code has, and leaves the older ones alone: who
    /// gets no new message can still use the last one.
    pub(crate) async fn store(
        &self,
        app: &App,
        tx: &mut Tx,
        holder: Holder<'_>,
        sent: bool,
    ) -> Result<(), DbError> {
        let mut code_hash = self.subject.hash(app, self.code.expose_digits());
        if !sent {
            random::fill(&mut code_hash);
        }
        let code = NewCode {
            id: self.id,
            purpose: self.subject.purpose,
            subject_key: &self.subject.key,
            agent: holder.agent,
            brand_id: holder.brand_id,
            contact_hash: holder.contact_hash,
            code_hash: &code_hash,
            sent,
            created_at: self.now,
            expires_at: self.now + lifetime(app),
        };
        store::issue(tx, &code).await
    }

    /// Hands the code over to be sent; never waits for the provider.
    pub(crate) fn send(self, app: &App, contact: Contact, brand: &Brand, what_for: &str) {
        let minutes = app.policy.code_ttl.as_secs() / 60;
        let code = self.code.expose_digits();
        let text = format!(
            "{}: {code} is your code to {what_for}. It ends in {minutes} minutes. Give it to nobody.",
            brand.name
        );
        app.sms.send(ShortMessage {
            to: contact.phone,
            text: Zeroizing::new(text),
            contact: contact.hash,
            code: Some(self.code),
        });
    }
}

/// Tells the owner of a phone what happened to the account.
pub(crate) fn notify(app: &App, contact: Contact, brand: &Brand, what: &str) {
    let text = format!(
        "{}: {what}. If this was not you, contact support at once.",
        brand.name
    );
    app.sms.send(ShortMessage {
        to: contact.phone,
        text: Zeroizing::new(text),
        contact: contact.hash,
        code: None,
    });
}

/// Lifetime of codes and reset tokens.
pub(crate) fn lifetime(app: &App) -> TimeDelta {
    // At most an hour, by its bounds.
    TimeDelta::from_std(app.policy.code_ttl).unwrap_or(TimeDelta::zero())
}

/// How long a code is good, for the answer.
pub(crate) fn expires_in(app: &App) -> Duration {
    app.policy.code_ttl
}

/// Counts a request by the name or contact it is for and by where it comes from. While it cannot
/// be counted, none is served.
pub(crate) async fn reserve_request(
    app: &App,
    named: &str,
    source: &Source,
) -> Result<(), Problem> {
    let limits = app.limiter.limits();
    let named = app.keys.limit_digest("code-named", named);
    let network = app.keys.limit_digest("source-network", &source.network);
    let counted = [
        Counted::new("code_named", named, limits.code_contact),
        Counted::new("code_source", network, limits.code_source),
    ];
    app.limiter.reserve(&counted, WithoutRedis::Refuse).await
}

/// Who has a message sent. Their days are counted apart, so that strangers cannot keep an owner
/// from codes for long.
#[derive(Clone, Copy)]
pub(crate) enum Sender {
    /// Whoever asks for recovery.
    Anybody,
    /// A signed-in agent.
    Agent,
    /// The service itself, that tells of a change.
    Notice,
}

impl Sender {
    fn of_the_day(self) -> &'static str {
        match self {
            Self::Anybody => "code_contact_day",
            Self::Agent => "code_agent_day",
            Self::Notice => "notice_contact_day",
        }
    }

    fn of_the_window(self) -> &'static str {
        match self {
            Self::Anybody | Self::Agent => "code_contact",
            Self::Notice => "notice_contact",
        }
    }
}

/// Counts a message that is about to be sent: nobody can be flooded, and no bill be run up. `None`
/// counts a code that will not be sent, elsewhere and at the same cost.
pub(crate) async fn reserve_send(
    app: &App,
    sender: Sender,
    contact: Option<&Contact>,
    named: &str,
    brand_id: i64,
) -> Result<(), Problem> {
    let limits = app.limiter.limits();
    let brand = brand_id.to_string();
    let (kind, whom) = match contact {
        Some(contact) => ("code-contact", contact.phone.as_str()),
        None => ("code-unsent", named),
    };
    let contact = app.keys.limit_digest(kind, whom);
    let brand = app.keys.limit_digest(&format!("{kind}-brand"), &brand);
    let counted = [
        Counted::new(sender.of_the_window(), contact, limits.code_contact),
        Counted::new(sender.of_the_day(), contact, limits.code_contact_day),
        Counted::new("code_brand", brand, limits.code_brand),
    ];
    app.limiter.reserve(&counted, WithoutRedis::Refuse).await
}

/// A guess that was evaluated, or why none was.
pub(crate) enum Guessed {
    /// The right code; it is not used up yet.
    Right(Guess),
    /// With what is known of the code, if there is one.
    Refused(Reason, Option<Guess>),
}

/// Counts a guess in the database and evaluates it in one step (security of parallel guesses).
pub(crate) async fn guess(app: &App, subject: &Subject, given: &str) -> Result<Guessed, Problem> {
    let pool = app.core.db.pool();
    let now = app.core.clock.now();
    // What is no code is hashed like one: it counts as a guess and cannot match.
    let code_hash = subject.hash(app, given.trim());
    let most = app.policy.code_guesses;
    let Some(guess) = store::guess(pool, &subject.key, &code_hash, most, now).await? else {
        return Ok(Guessed::Refused(Reason::NoCode, None));
    };
    let reason = match guess.verdict {
        Verdict::Right => return Ok(Guessed::Right(guess)),
        Verdict::Wrong => Reason::CodeWrong,
        Verdict::UsedUp => Reason::GuessesUsedUp,
        Verdict::Expired => Reason::CodeExpired,
        Verdict::Ended => Reason::NoCode,
    };
    Ok(Guessed::Refused(reason, Some(guess)))
}
