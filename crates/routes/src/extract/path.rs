//! The parameters of a path.

use agent_domain::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{fault::Fault, node::Node, reader::read};
use crate::{error::ApiError, middleware::RequestLog};

/// The parameter of a path (`PathParam<i64>`), or a struct of them where a path has several.
///
/// A value that does not fit names nothing that exists: 404, as for a name that fits and is
/// unknown (Q-03: `{id}` is numeric only).
#[derive(Debug)]
pub struct PathParam<T>(pub T);

impl<S, T> FromRequestParts<S> for PathParam<T>
where
    T: DeserializeOwned,
    S: Send + Sync,
{
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let params = RawPathParams::from_request_parts(parts, state).await;
        let params = params.map_err(|_| Problem::not_found())?;
        node_of(&params)
            .and_then(|node| read(node, &RequestLog::default()))
            .map(Self)
            .map_err(|_| Problem::not_found().into())
    }
}

fn node_of(params: &RawPathParams) -> Result<Node, Fault> {
    let mut pairs: Vec<(String, String)> = params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    match pairs.len() {
        1 => Ok(Node::Raw(pairs.remove(0).1)),
        _ => Node::from_pairs(pairs),
    }
}
