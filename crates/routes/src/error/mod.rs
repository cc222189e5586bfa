//! How a [`Problem`] becomes an answer.
//!
//! A handler's answer knows nothing of the request, so [`ApiError`] only attaches the problem to
//! it. [`document::complete`], called once per request at the edge, writes the body with the
//! request id; there too the cause is logged, once, by [`cause::describe`].

pub mod cause;
pub mod document;

use std::sync::Arc;

use agent_domain::{Code, Problem};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

pub use document::ProblemDocument;

/// The error of every handler and extractor.
#[derive(Debug)]
pub struct ApiError(pub Problem);

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = status_of(self.0.code).into_response();
        response.extensions_mut().insert(Arc::new(self.0));
        response
    }
}

/// [`ApiError`] as a plain function, for layers that live in crates which know no HTTP errors.
#[must_use]
pub fn problem_response(problem: Problem) -> Response {
    ApiError(problem).into_response()
}

fn status_of(code: Code) -> StatusCode {
    StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_an_http_status() {
        for code in Code::ALL {
            assert_eq!(status_of(*code).as_u16(), code.status(), "{code:?}");
        }
    }
}
