//! The outermost layer: names, completes, counts and logs every request.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use agent_domain::Problem;
use agent_telemetry::Metrics;
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use tracing::Instrument;

use super::{RequestId, RequestLog, request_id};
use crate::error::{cause, document};

/// Stands for every path that has no route: the path itself is the client's text.
const UNMATCHED: &str = "unmatched";
/// Logged and counted for a client that went away before its answer (not an HTTP status).
const CLIENT_GONE: u16 = 499;

/// Sent with every answer that sets no other value itself.
const DEFAULT_HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];

#[derive(Clone)]
pub(super) struct Edge {
    legacy_prefixes: &'static [&'static str],
    metrics: Arc<Metrics>,
}

impl Edge {
    pub(super) fn new(legacy_prefixes: &'static [&'static str], metrics: Arc<Metrics>) -> Self {
        Self {
            legacy_prefixes,
            metrics,
        }
    }
}

pub(super) async fn run(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let exchange = Exchange::begin(edge, &request);
    let id = exchange.id.clone();
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(exchange.log.clone());
    // Lines logged meanwhile carry the id too.
    let span = tracing::info_span!("request", request_id = id.as_str());
    let mut response = next.run(request).instrument(span).await;
    let problem = document::complete(&mut response, id.as_str());
    add_headers(response.headers_mut(), &id);
    exchange.end(response.status().as_u16(), problem.as_deref());
    response
}

fn add_headers(headers: &mut HeaderMap, id: &RequestId) {
    for (name, value) in DEFAULT_HEADERS {
        headers.entry(name).or_insert(value);
    }
    if let Some(id) = id.header_value() {
        headers.insert(request_id::HEADER, id);
    }
}

/// One request until it is logged. Dropped before its end, it is logged as left by the client.
struct Exchange {
    edge: Edge,
    id: RequestId,
    log: RequestLog,
    method: &'static str,
    route: Arc<str>,
    /// Under a prefix of old frontends: the template, or the prefix where the path is unknown.
    legacy_path: Option<Arc<str>>,
    started: Instant,
    ended: bool,
}

impl Exchange {
    fn begin(edge: Edge, request: &Request) -> Self {
        let route = request.extensions().get::<MatchedPath>();
        let path = request.uri().path();
        let mut prefixes = edge.legacy_prefixes.iter().copied();
        let legacy_prefix = prefixes.find(|prefix| path.starts_with(prefix));
        let legacy_path =
            legacy_prefix.map(|prefix| route.map_or(prefix, MatchedPath::as_str).into());
        Self {
            id: RequestId::of(request.headers()),
            log: RequestLog::default(),
            method: method_label(request.method()),
            route: route.map_or(UNMATCHED, MatchedPath::as_str).into(),
            legacy_path,
            started: Instant::now(),
            ended: false,
            edge,
        }
    }

    fn end(mut self, status: u16, problem: Option<&Problem>) {
        self.ended = true;
        self.record(status, problem);
    }

    fn record(&self, status: u16, problem: Option<&Problem>) {
        let elapsed = self.started.elapsed();
        let code = problem.map(|problem| problem.code.as_str());
        self.count(status, code, elapsed);
        self.write_line(status, problem, elapsed);
    }

    fn count(&self, status: u16, code: Option<&str>, elapsed: Duration) {
        let metrics = &self.edge.metrics;
        let status_text = status.to_string();
        metrics
            .http_requests_total
            .with_label_values(&[self.method, &self.route, &status_text])
            .inc();
        metrics
            .http_request_duration_seconds
            .with_label_values(&[&*self.route])
            .observe(elapsed.as_secs_f64());
        let path = match &self.legacy_path {
            Some(path) => path,
            // An old path among the new ones.
            None if self.log.is_legacy() => &self.route,
            None => return,
        };
        if (400..500).contains(&status) && status != CLIENT_GONE {
            metrics
                .legacy_rejected_total
                .with_label_values(&[path, self.method, code.unwrap_or(&status_text)])
                .inc();
        }
    }

    /// Never the raw path, the query, headers or the body.
    fn write_line(&self, status: u16, problem: Option<&Problem>, elapsed: Duration) {
        macro_rules! line {
            ($level:ident, $($more:tt)*) => {
                tracing::$level!(
                    method = self.method,
                    route = &*self.route,
                    status,
                    ms = (elapsed.as_secs_f64() * 10_000.0).round() / 10.0,
                    request_id = self.id.as_str(),
                    agent = self.log.agent(),
                    brand = self.log.brand(),
                    code = problem.map(|problem| problem.code.as_str()),
                    $($more)*
                    "request"
                )
            };
        }
        if status >= 500 {
            let cause = problem.and_then(Problem::cause);
            let cause = cause.map(|cause| cause::describe(cause));
            line!(error, cause = cause.as_deref(),);
        } else if status >= 400 {
            line!(
                info,
                unknown_members = self.log.unknown_members().as_deref(),
            );
        } else {
            line!(info,);
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            self.record(CLIENT_GONE, None);
        }
    }
}

/// Methods are the client's text, labels are ours.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "PATCH" => "PATCH",
        _ => "other",
    }
}
