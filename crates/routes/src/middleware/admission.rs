//! What is decided about a request before any handler sees it.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use agent_domain::{Code, Problem};
use axum::{
    extract::{ConnectInfo, Request, State},
    middleware::Next,
    response::Response,
};
use http::{Uri, header};
use ipnet::IpNet;

use super::{ClientAddr, EdgeSettings, Intake};
use crate::error::{document, problem_response};

pub(super) struct Admission {
    request_timeout: Duration,
    max_body_bytes: usize,
    trusted_proxies: Vec<IpNet>,
}

impl Admission {
    pub(super) fn new(settings: EdgeSettings) -> Self {
        Self {
            request_timeout: settings.request_timeout,
            max_body_bytes: settings.max_body_bytes,
            trusted_proxies: settings.trusted_proxies,
        }
    }
}

pub(super) async fn admit(
    State(admission): State<Arc<Admission>>,
    mut request: Request,
    next: Next,
) -> Response {
    if has_nul(request.uri()) {
        return problem_response(Problem::new(
            Code::MalformedRequest,
            "the path and the query must not contain the character U+0000",
        ));
    }
    // RFC 9112 section 3.2, on every path: a proxy before us may have read the other one.
    if request.headers().get_all(header::HOST).iter().count() > 1 {
        return problem_response(Problem::new(
            Code::MalformedRequest,
            "a request needs exactly one Host header",
        ));
    }
    let client = ClientAddr::of(
        peer(&request),
        request.headers(),
        &admission.trusted_proxies,
    );
    let intake = Intake::new(admission.max_body_bytes);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(intake.clone());
    answer_in_time(admission.request_timeout, &intake, next.run(request)).await
}

/// A late answer is 408 while the client's body is awaited, 503 when the handler was slow.
async fn answer_in_time(
    limit: Duration,
    intake: &Intake,
    answer: impl Future<Output = Response>,
) -> Response {
    let mut answer = std::pin::pin!(tokio::time::timeout(limit, answer));
    // The handler still exists when the question is asked: it is dropped with the pin.
    match answer.as_mut().await {
        Ok(response) => response,
        Err(_) if intake.is_reading() => problem_response(document::request_timeout()),
        Err(late) => problem_response(Problem::unavailable(late)),
    }
}

/// Postgres texts cannot hold it, and no path of ours has it.
fn has_nul(uri: &Uri) -> bool {
    uri.path().contains("%00") || uri.query().is_some_and(|query| query.contains("%00"))
}

fn peer(request: &Request) -> IpAddr {
    let info = request.extensions().get::<ConnectInfo<SocketAddr>>();
    info.map_or(Ipv4Addr::UNSPECIFIED.into(), |info| info.0.ip())
}
