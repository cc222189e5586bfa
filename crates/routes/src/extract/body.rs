//! The body of a write.

use std::error::Error;

use agent_domain::{Code, FieldError, Problem};
use axum::{
    body::Body,
    extract::{FromRequest, OptionalFromRequest, Request},
};
use bytes::Bytes;
use garde::Validate;
use http::{HeaderMap, header, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tower_http::timeout::TimeoutError;

use super::{
    media::{self, Format},
    node::Node,
    reader::read,
};
use crate::{
    error::{ApiError, document},
    middleware::{Intake, RequestLog},
};

/// A body that was read and keeps its type's rules. JSON everywhere; under a legacy path also a
/// form, so that one handler serves both. In a form an optional field left empty counts as absent.
///
/// Refusals: 415 (format), 413 (too large), 408 (too slow), 400 `malformed_request` (no JSON),
/// 422 `validation_failed` naming the fields. No refusal repeats what was sent.
#[derive(Debug)]
pub struct Valid<T>(pub T);

impl<S, T> FromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        let (parts, body) = request.into_parts();
        let log = RequestLog::of(&parts);
        let format = media::format(&parts.headers, log.is_legacy())?;
        let bytes = collect(&parts, body).await?;
        Ok(Self(typed(node(format, &bytes)?, &log)?))
    }
}

/// A body that may be left out: whatever the headers say, no bytes are no body, and nor is `null`.
impl<S, T> OptionalFromRequest<S> for Valid<T>
where
    T: DeserializeOwned + Validate<Context = ()>,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Option<Self>, ApiError> {
        let (parts, body) = request.into_parts();
        let log = RequestLog::of(&parts);
        let bytes = collect(&parts, body).await?;
        if bytes.is_empty() {
            return Ok(None);
        }
        let format = media::format(&parts.headers, log.is_legacy())?;
        match node(format, &bytes)? {
            Node::Null => Ok(None),
            node => Ok(Some(Self(typed(node, &log)?))),
        }
    }
}

fn node(format: Format, bytes: &[u8]) -> Result<Node, Problem> {
    match format {
        Format::Json => Node::from_json(bytes),
        Format::Form => Node::from_form_body(bytes).map_err(|fault| fault.into_problem("body")),
    }
}

fn typed<T>(node: Node, log: &RequestLog) -> Result<T, Problem>
where
    T: DeserializeOwned + Validate<Context = ()>,
{
    let value: T = read(node, log).map_err(|fault| fault.into_problem("body"))?;
    value.validate().map_err(|report| broken_rules(&report))?;
    Ok(value)
}

/// The rules that a value breaks, by field.
fn broken_rules(report: &garde::Report) -> Problem {
    let errors = report.iter().map(|(path, error)| {
        let path = path.to_string();
        FieldError {
            field: if path.is_empty() {
                "body".to_owned()
            } else {
                path
            },
            message: error.message().to_owned(),
        }
    });
    Problem::fields(errors.collect())
}

async fn collect(parts: &Parts, body: Body) -> Result<Bytes, Problem> {
    let intake = Intake::of(parts);
    let limit = intake.max_body_bytes();
    // Refused before the first byte is asked for, so that no `100 Continue` invites the body.
    if announced_length(&parts.headers).is_some_and(|length| length > limit as u64) {
        return Err(document::payload_too_large());
    }
    let _reading = intake.reading();
    let collected = Limited::new(body, limit).collect().await;
    collected
        .map(http_body_util::Collected::to_bytes)
        .map_err(|error| unreadable(error.as_ref()))
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

fn unreadable(error: &(dyn Error + 'static)) -> Problem {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<LengthLimitError>() {
            return document::payload_too_large();
        }
        if error.is::<TimeoutError>() {
            return document::request_timeout();
        }
        next = error.source();
    }
    Problem::new(
        Code::MalformedRequest,
        "the body ended too early or has broken framing",
    )
}
