//! A panic in a handler costs its request a 500, counted, and nothing more.

use std::{any::Any, sync::Arc};

use agent_domain::Problem;
use agent_telemetry::Metrics;
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::ResponseForPanic;

use crate::error::ApiError;

/// Makes the answer. The panic's text may quote a client and is dropped; the panic hook has
/// logged the place already.
#[derive(Clone)]
pub(super) struct Panics(Arc<Metrics>);

impl Panics {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self(metrics)
    }
}

impl ResponseForPanic for Panics {
    type ResponseBody = axum::body::Body;

    fn response_for_panic(&mut self, _text: Box<dyn Any + Send + 'static>) -> Response {
        self.0.http_panics_total.inc();
        ApiError(Problem::internal("a handler panicked")).into_response()
    }
}
