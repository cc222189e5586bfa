//! The SMS provider (P-119). What it is sent and what counts as accepted is in `docs/SERVICE.md`.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;
use uuid::Uuid;

use crate::guard::{AnswerBody, CallError, GuardedClient, TlsRootsMissing};

/// Members that say, when they are `false`, that the message was not taken.
const VERDICTS: [&str; 3] = ["sent", "success", "ok"];

/// Hands texts to one provider. It has no `Debug`: the address may hold a credential.
#[derive(Clone)]
pub struct SmsClient {
    client: GuardedClient,
    target: Url,
}

/// The provider's address cannot be used; it is not named, because it may hold a credential.
#[derive(Debug, thiserror::Error)]
pub enum SmsSetupError {
    #[error("is not a valid URL")]
    Address,
    #[error(transparent)]
    Roots(#[from] TlsRootsMissing),
}

/// Why a text was not handed over. Holds neither phone, text nor address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmsError {
    /// The provider answered with a status that is not 2xx.
    #[error("the provider answered {0}")]
    Status(u16),
    /// The provider answered 2xx and says in the body that it did not take the message.
    #[error("the provider refused it")]
    Refused,
    /// The provider answered 2xx with something that is no answer to this request.
    #[error("the provider's answer cannot be read")]
    Unreadable,
    /// There was no whole answer: whether the message was taken is unknown.
    #[error("the provider was not reached: {0}")]
    Call(#[from] CallError),
}

#[derive(Serialize)]
struct Request<'a> {
    to: &'a str,
    text: &'a str,
    reference: Uuid,
}

impl SmsClient {
    /// A client for the provider at `url`. Nothing is connected yet.
    ///
    /// # Errors
    /// No valid URL, or no root certificates for an `https` one.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, SmsSetupError> {
        let target = Url::parse(url).map_err(|_| SmsSetupError::Address)?;
        let client = GuardedClient::new(&target, timeout)?;
        Ok(Self { client, target })
    }

    /// Hands one text over. `to` is a phone in E.164; `reference` names the message in the
    /// provider's records and tells nothing of ours.
    ///
    /// # Errors
    /// The provider did not take it, or it is unknown whether it did.
    pub async fn send(&self, to: &str, text: &str, reference: Uuid) -> Result<(), SmsError> {
        let request = Request {
            to,
            text,
            reference,
        };
        let answer = self.client.post_json(&self.target, &request).await?;
        match answer.body {
            AnswerBody::Whole(body) => judge(&body),
            AnswerBody::TooLong => Err(SmsError::Unreadable),
            AnswerBody::Unread => Err(SmsError::Status(answer.status)),
        }
    }
}

/// What the body of a 2xx says: an empty one, or an object without a refusal, is a yes. A page of
/// a proxy or a captive portal is 2xx too, so anything else is a no.
fn judge(body: &[u8]) -> Result<(), SmsError> {
    if body.trim_ascii().is_empty() {
        return Ok(());
    }
    let answer: Map<String, Value> =
        serde_json::from_slice(body).map_err(|_| SmsError::Unreadable)?;
    let denied = VERDICTS
        .iter()
        .any(|name| answer.get(*name) == Some(&Value::Bool(false)));
    let failed = answer.get("error").is_some_and(|error| !error.is_null());
    if denied || failed {
        return Err(SmsError::Refused);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
