//! One request, and what its answer means.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::{
    journal::{Journal, Rule},
    load::claims::Claims,
};

/// What the API said.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    Done(Value),
    /// A rule stood against it: the code of the problem.
    Refused(String),
    /// Nothing, half an answer, or one that says to come again.
    Unsure,
}

/// Sends once. `what` names the request among the counted answers.
pub(crate) async fn ask(
    journal: &Journal,
    claims: &Claims,
    what: &str,
    request: RequestBuilder,
) -> Told {
    let Ok(response) = request.send().await else {
        claims.answered(&format!("{what} none"));
        return Told::Unsure;
    };
    let status = response.status();
    let Ok(text) = response.text().await else {
        claims.answered(&format!("{what} half"));
        return Told::Unsure;
    };
    claims.answered(&format!("{what} {}", status.as_u16()));
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    match status {
        status if status.is_success() => Told::Done(body),
        StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => Told::Unsure,
        status if status.is_client_error() => {
            Told::Refused(body["code"].as_str().unwrap_or_default().to_owned())
        }
        status => {
            let text = format!("{what} was answered {status}: {text}");
            journal.broken(Rule::NoServerError, text);
            Told::Unsure
        }
    }
}
