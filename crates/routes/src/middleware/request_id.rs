//! The name of a request in our logs and in its answer.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use uuid::Uuid;

use crate::error::ApiError;

pub(super) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Digits of the shortest number that belongs to somebody.
const SHORTEST_PHONE: usize = 7;

/// The caller's `x-request-id` if it is one plain name, else a new UUID of version 7.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut values = headers.get_all(HEADER).iter();
        let sent = match (values.next(), values.next()) {
            (Some(one), None) => one.to_str().ok().filter(|text| is_plain(text)),
            _ => None,
        };
        sent.map_or_else(Self::new, |text| Self(text.into()))
    }

    fn new() -> Self {
        Self(Uuid::now_v7().to_string().into())
    }

    pub(super) fn header_value(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

/// 1 to 64 characters that need no escaping anywhere. The id is logged, so nothing that could be
/// a phone or a card number is taken for one.
fn is_plain(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let harmless = Uuid::parse_str(text).is_ok() || longest_number(text) < SHORTEST_PHONE;
    (1..=64).contains(&text.len()) && text.bytes().all(plain) && harmless
}

fn longest_number(text: &str) -> usize {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers.map(str::len).max().unwrap_or(0)
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = ApiError;

    /// Never refuses: outside the edge a request gets a name of its own.
    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(Self::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[&str]) -> RequestId {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(HEADER, value.parse().unwrap());
        }
        RequestId::of(&headers)
    }

    #[test]
    fn a_plain_id_is_kept() {
        assert_eq!(of(&["01J.a_b-C"]).as_str(), "01J.a_b-C");
        let uuid = "12345678-1234-4123-8123-123456789012";
        assert_eq!(of(&[uuid]).as_str(), uuid);
        assert_eq!(of(&[&"x".repeat(64)]).as_str().len(), 64);
    }

    #[test]
    fn anything_else_is_replaced() {
        for values in [
            &[][..],
            &[""],
            &["a b"],
            &["a\"b"],
            &["a/b"],
            &["a", "b"],
            &["66812345678"],
            &["call-66812345678"],
            &[&"x".repeat(65)],
        ] {
            let id = of(values);
            assert!(Uuid::parse_str(id.as_str()).is_ok(), "{values:?}");
        }
        assert_ne!(of(&[]), of(&[]));
    }
}
