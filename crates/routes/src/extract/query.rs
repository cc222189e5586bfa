//! The query of a read.

use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{node::Node, reader::read};
use crate::{error::ApiError, middleware::RequestLog};

/// The parameters of the query that `T` knows; others are ignored. One handler may take several
/// (`QueryParams<Paging>`, `QueryParams<Range>`): that is how to share them, because
/// `#[serde(flatten)]` cannot read numbers from text.
///
/// A parameter given twice, missing or of the wrong kind is 422 `validation_failed`, naming the
/// parameter and not its value.
#[derive(Debug)]
pub struct QueryParams<T>(pub T);

impl<S, T> FromRequestParts<S> for QueryParams<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        Node::from_form(query.as_bytes())
            .and_then(|node| read(node, &RequestLog::of(parts)))
            .map(Self)
            .map_err(|fault| fault.into_problem("query").into())
    }
}
