//! Proofs as handler arguments: who asks, on which brand, from where.

use agent_brand::HostBrand;
use agent_domain::{BrandScope, Problem};
use agent_services::{Principal, portal::auth::Source};
use axum::extract::{FromRequestParts, MatchedPath};
use http::{header, request::Parts};

use crate::{
    error::ApiError,
    middleware::{
        ClientAddr,
        sign_in::{Proofs, host_brand},
    },
};

/// Longest part of a `User-Agent` that is kept.
const MAX_USER_AGENT: usize = 256;

/// A live session of an agent that may serve the brand. Present on every route behind
/// `require_agent`; anywhere else the answer is 401.
pub struct SignedIn {
    pub principal: Principal,
    pub scope: BrandScope,
}

impl<S: Send + Sync> FromRequestParts<S> for SignedIn {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        let proofs = parts.extensions.get::<Proofs>().cloned();
        let Proofs { principal, scope } = proofs.ok_or_else(Problem::unauthenticated)?;
        Ok(Self { principal, scope })
    }
}

/// A public request: the brand of its host, if any, and the route that was matched.
pub struct Visited {
    pub host: HostBrand,
    pub route: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Visited {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Self::Rejection> {
        let matched = parts.extensions.get::<MatchedPath>();
        Ok(Self {
            host: host_brand(&parts.extensions),
            route: matched.map_or("unmatched", MatchedPath::as_str).to_owned(),
        })
    }
}

/// Where a request came from, as an extractor.
pub struct SourceOf(pub Source);

impl<S: Send + Sync> FromRequestParts<S> for SourceOf {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let client = ClientAddr::from_request_parts(parts, state).await?;
        let user_agent = parts
            .headers
            .get(header::USER_AGENT)
            .and_then(|value| value.to_str().ok());
        let user_agent = user_agent.map(|text| text.chars().take(MAX_USER_AGENT).collect());
        Ok(Self(Source {
            address: client.0,
            network: client.source(),
            user_agent,
        }))
    }
}
