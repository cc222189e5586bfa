//! What happens to every request around its handler.
//!
//! [`stack`] is the one ordered list. From the outside in:
//!
//! 1. [`edge`]: gives the request its id and its log entry; on the way out completes problem
//!    documents, adds the security headers, counts, and writes the request's one log line. It is
//!    outermost so that nothing is answered without it.
//! 2. [`panics`]: a panic costs its request a 500 and nothing more. Inside the edge, which
//!    renders and logs that 500.
//! 3. [`admission`]: refuses paths with NUL and requests with two hosts, finds out the client's
//!    address, and bounds the time until the answer. Innermost, so that the deadline covers
//!    handlers and their own layers.
//!
//! Layers of a part of the routes (brand resolution, sign-in, [`legacy::mark`]) lie inside.

pub mod admission;
pub mod client_addr;
pub mod edge;
pub mod intake;
pub mod legacy;
pub mod panics;
pub mod request_id;
pub mod request_log;
pub mod sign_in;

#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use agent_telemetry::Metrics;
use axum::{Router, middleware::from_fn_with_state};
use ipnet::IpNet;
use tower_http::catch_panic::CatchPanicLayer;

pub use client_addr::ClientAddr;
pub use intake::Intake;
pub use request_id::RequestId;
pub use request_log::RequestLog;

/// What the layers need to know.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// From the request's head to the answer's head.
    pub request_timeout: Duration,
    /// Longest body that is read, in bytes.
    pub max_body_bytes: usize,
    /// Networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Path prefixes that belong to old frontends only, such as `/user/`. An unknown path under
    /// one is counted as a legacy rejection, because it may be an alias that we do not know.
    pub legacy_prefixes: &'static [&'static str],
}

/// Wraps all routes that are already in `router`, and its fallback, so it comes last.
pub fn stack(router: Router, settings: EdgeSettings, metrics: Arc<Metrics>) -> Router {
    let edge = edge::Edge::new(settings.legacy_prefixes, metrics.clone());
    let admission = Arc::new(admission::Admission::new(settings));
    // The last layer added is the outermost.
    router
        .layer(from_fn_with_state(admission, admission::admit))
        .layer(CatchPanicLayer::custom(panics::Panics::new(metrics)))
        .layer(from_fn_with_state(edge, edge::run))
}
