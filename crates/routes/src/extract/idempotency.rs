//! The header `Idempotency-Key`.

use agent_domain::Problem;
use axum::extract::OptionalFromRequestParts;
use http::{HeaderValue, request::Parts};

use crate::error::ApiError;

const HEADER: &str = "idempotency-key";

/// A key under which a client may repeat a write: 1 to 255 visible ASCII characters. Taken as
/// `Option<IdempotencyKey>`, because older frontends send none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn parse(value: &HeaderValue) -> Result<Self, Problem> {
        let text = value.to_str().unwrap_or_default();
        let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        if visible && (1..=255).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(refused("must be 1 to 255 visible ASCII characters"))
        }
    }
}

fn refused(message: &str) -> Problem {
    Problem::field("Idempotency-Key", message)
}

impl<S: Send + Sync> OptionalFromRequestParts<S> for IdempotencyKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, ApiError> {
        let mut values = parts.headers.get_all(HEADER).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => Ok(Some(Self::parse(value)?)),
            (Some(_), Some(_)) => Err(refused("must be given only once").into()),
        }
    }
}
