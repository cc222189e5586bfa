//! The whole stack around small handlers.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use agent_domain::{AgentGuid, BrandId, Problem};
use agent_telemetry::{Metrics, log::Captured};
use axum::{
    Json, Router,
    body::Body,
    extract::ConnectInfo,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use garde::Validate;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{ClientAddr, EdgeSettings, RequestId, RequestLog, legacy, stack};
use crate::{error::ApiError, extract::Valid};

/// The logs of all tests of this binary: each looks for its own request id.
static LOGS: LazyLock<Captured> =
    LazyLock::new(|| agent_telemetry::log::init_captured("info").unwrap());

fn log_of(request_id: &str) -> Value {
    let text = LOGS.text();
    let mut lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["request_id"] == request_id);
    let line = lines.next().unwrap();
    assert!(lines.next().is_none(), "one line per request");
    line
}

struct App {
    router: Router,
    metrics: Arc<Metrics>,
}

impl App {
    fn new() -> Self {
        LazyLock::force(&LOGS);
        let metrics = Metrics::new("agent_service");
        let settings = EdgeSettings {
            request_timeout: Duration::from_millis(200),
            max_body_bytes: 64,
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            legacy_prefixes: &["/user/"],
        };
        let router = stack(routes(), settings, metrics.clone());
        Self { router, metrics }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(request(Method::GET, path).body(Body::empty()).unwrap())
            .await
    }

    fn counted(&self, sample: &str) -> bool {
        self.metrics.render().lines().any(|line| line == sample)
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Status, code and content type of a problem document.
    #[track_caller]
    fn assert_problem(&self, status: u16, code: &str) {
        let body = self.json();
        assert_eq!(
            (self.status.as_u16(), body["code"].as_str()),
            (status, Some(code))
        );
        assert_eq!(
            self.headers[header::CONTENT_TYPE],
            "application/problem+json"
        );
        assert_eq!(
            body["request_id"],
            self.headers["x-request-id"].to_str().unwrap()
        );
    }
}

fn request(method: Method, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(path)
}

fn routes() -> Router {
    let legacy = Router::new()
        .route("/user/closed", post(async || "never"))
        .route_layer(from_fn(async |_: Request<Body>, _: Next| {
            ApiError(Problem::unauthenticated())
        }))
        .route(
            "/user/form",
            post(async |Valid(form): Valid<Form>| form.name),
        )
        .route(
            "/user/refused",
            post(async || ApiError(Problem::not_found())),
        )
        .route("/user/fine", get(async || "fine"));
    Router::new()
        .route("/fine", get(async || "fine"))
        .route("/item/{id}", get(async || "item"))
        .route("/panics", get(panics))
        .route("/slow", get(slow))
        .route("/broken", get(broken))
        .route("/known", get(known))
        .route(
            "/client",
            get(async |client: ClientAddr| client.0.to_string()),
        )
        .route("/id", get(async |id: RequestId| id.as_str().to_owned()))
        .route(
            "/text",
            get(async || (StatusCode::BAD_REQUEST, "a library's text")),
        )
        .merge(legacy::mark(legacy))
}

#[derive(Deserialize, Validate)]
struct Form {
    #[garde(length(max = 3))]
    name: String,
}

async fn panics() -> Response {
    panic!("quotes +66812345678")
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "late"
}

async fn broken() -> ApiError {
    Problem::internal("invalid input syntax for type bigint: \"hunter2\"").into()
}

async fn known(log: RequestLog) -> Json<Value> {
    log.set_agent(AgentGuid(42));
    log.set_brand(BrandId(7));
    Json(json!({"a": 1}))
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let app = App::new();
    app.get("/nothing").await.assert_problem(404, "not_found");
    let answer = app
        .send(
            request(Method::DELETE, "/fine")
                .body(Body::empty())
                .unwrap(),
        )
        .await;
    answer.assert_problem(405, "method_not_allowed");
    assert_eq!(answer.headers[header::ALLOW], "GET,HEAD");
    app.get("/text")
        .await
        .assert_problem(400, "malformed_request");
    for method in ["PROPFIND", "TRACE", "X!"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = app
            .send(request(method, "/fine").body(Body::empty()).unwrap())
            .await;
        answer.assert_problem(405, "method_not_allowed");
    }
    assert!(app.counted(
        r#"http_requests_total{method="other",route="/fine",service="agent_service",status="405"} 3"#
    ));
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let app = App::new();
    for path in ["/fine", "/nothing", "/panics"] {
        let headers = app.get(path).await.headers;
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cache-control"], "no-store");
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'none'; frame-ancestors 'none'"
        );
    }
}

#[tokio::test]
async fn a_request_id_is_echoed_seen_by_handlers_and_never_trusted() {
    let app = App::new();
    let with_id = |id: &str| request(Method::GET, "/id").header("x-request-id", id);
    let answer = app
        .send(with_id("abc-1").body(Body::empty()).unwrap())
        .await;
    assert_eq!(
        (answer.text.as_str(), &answer.headers["x-request-id"]),
        ("abc-1", &"abc-1".parse().unwrap())
    );
    let answer = app.send(with_id("a\"b").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.text.len(), 36);
    assert_eq!(answer.headers["x-request-id"], answer.text.as_str());
}

#[tokio::test]
async fn q99_one_line_tells_route_and_caller_but_not_what_was_sent() {
    let app = App::new();
    let sent = request(Method::GET, "/known?keyword=66812345678")
        .header("x-request-id", "q99-known")
        .header("authorization", "Bearer secret");
    app.send(sent.body(Body::empty()).unwrap()).await;
    let line = log_of("q99-known");
    assert_eq!(line["method"], "GET");
    assert_eq!(line["route"], "/known");
    assert_eq!(line["status"], 200);
    assert_eq!((&line["agent"], &line["brand"]), (&json!(42), &json!(7)));
    assert!(line["ms"].is_number());
    let line = line.to_string();
    assert!(
        !line.contains("66812345678") && !line.contains("secret"),
        "{line}"
    );
}

#[tokio::test]
async fn q99_routes_are_named_by_template_and_unknown_ones_not_at_all() {
    let app = App::new();
    app.get("/item/66812345678").await;
    app.get("/66812345678").await;
    let metrics = app.metrics.render();
    assert!(metrics.contains(r#"route="/item/{id}""#) && metrics.contains(r#"route="unmatched""#));
    assert!(!metrics.contains("66812345678"), "{metrics}");
}

#[tokio::test]
async fn a_fault_is_logged_once_with_its_cause_and_without_values() {
    let app = App::new();
    let sent = request(Method::GET, "/broken").header("x-request-id", "broken-1");
    let answer = app.send(sent.body(Body::empty()).unwrap()).await;
    answer.assert_problem(500, "internal");
    assert!(!answer.text.contains("syntax") && !answer.text.contains("hunter2"));
    let line = log_of("broken-1");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["code"], "internal");
    assert_eq!(line["cause"], "invalid input syntax for type bigint: \"…\"");
}

#[tokio::test]
async fn a_panic_costs_one_500() {
    let app = App::new();
    let answer = app.get("/panics").await;
    answer.assert_problem(500, "internal");
    assert!(!answer.text.contains("66812345678"));
    assert_eq!(app.metrics.http_panics_total.get(), 1);
    assert!(app.counted(
        r#"http_requests_total{method="GET",route="/panics",service="agent_service",status="500"} 1"#
    ));
    assert_eq!(app.get("/fine").await.status, 200);
}

#[tokio::test]
async fn a_slow_handler_is_answered_503() {
    let app = App::new();
    let answer = app.get("/slow").await;
    answer.assert_problem(503, "unavailable");
    assert!(answer.headers.contains_key(header::RETRY_AFTER));
}

#[tokio::test]
async fn a_client_that_leaves_is_still_logged() {
    let app = App::new();
    let sent = request(Method::GET, "/slow").header("x-request-id", "gone-1");
    let answer = app
        .router
        .clone()
        .oneshot(sent.body(Body::empty()).unwrap());
    assert!(
        tokio::time::timeout(Duration::from_millis(20), answer)
            .await
            .is_err()
    );
    assert_eq!(log_of("gone-1")["status"], 499);
}

#[tokio::test]
async fn nul_in_path_or_query_is_malformed() {
    let app = App::new();
    for path in ["/fine%00", "/fine?a=%00", "/item/%00", "/nothing/%00"] {
        app.get(path).await.assert_problem(400, "malformed_request");
    }
    assert_eq!(app.get("/fine?a=%2500").await.status, 200);
}

#[tokio::test]
async fn q92_handlers_see_the_client_behind_trusted_proxies() {
    let app = App::new();
    let from = |peer: &str| {
        let peer: std::net::SocketAddr = peer.parse().unwrap();
        request(Method::GET, "/client")
            .extension(ConnectInfo(peer))
            .header("x-forwarded-for", "9.9.9.9")
            .header("forwarded", "for=8.8.8.8")
            .body(Body::empty())
            .unwrap()
    };
    assert_eq!(app.send(from("10.1.1.1:5")).await.text, "9.9.9.9");
    assert_eq!(app.send(from("203.0.113.9:5")).await.text, "203.0.113.9");
}

#[tokio::test]
async fn q99_refusals_under_old_paths_are_counted() {
    let app = App::new();
    let post = |path| request(Method::POST, path).body(Body::empty()).unwrap();
    app.send(post("/user/refused"))
        .await
        .assert_problem(404, "not_found");
    app.send(post("/user/fine"))
        .await
        .assert_problem(405, "method_not_allowed");
    app.send(post("/user/closed"))
        .await
        .assert_problem(401, "unauthenticated");
    app.send(post("/user/forgotten/66812345678"))
        .await
        .assert_problem(404, "not_found");
    app.send(post("/nothing"))
        .await
        .assert_problem(404, "not_found");
    assert_eq!(app.get("/user/fine").await.text, "fine");
    let counted = |path: &str, code: &str| {
        app.counted(&format!(
            r#"legacy_rejected_total{{code="{code}",method="POST",path="{path}",service="agent_service"}} 1"#
        ))
    };
    assert!(counted("/user/refused", "not_found"));
    assert!(counted("/user/fine", "method_not_allowed"));
    assert!(counted("/user/closed", "unauthenticated"));
    assert!(counted("/user/", "not_found"));
    let metrics = app.metrics.render();
    let samples = metrics
        .lines()
        .filter(|line| line.starts_with("legacy_rejected_total{"));
    assert_eq!(samples.count(), 4);
}

#[tokio::test]
async fn q99_names_of_unknown_members_are_logged_and_values_are_not() {
    let app = App::new();
    let sent = request(Method::POST, "/user/form")
        .header("x-request-id", "q99-form")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("name=toolong&nickName=hunter2&x%0Ay=1"));
    app.send(sent.unwrap())
        .await
        .assert_problem(422, "validation_failed");
    let line = log_of("q99-form");
    assert_eq!(line["unknown_members"], "<other>,nickName");
    assert_eq!(line["code"], "validation_failed");
    assert!(!line.to_string().contains("hunter2"));
}

#[tokio::test]
async fn a_handlers_own_headers_win() {
    let router = Router::new().route(
        "/cached",
        get(async || ([(header::CACHE_CONTROL, "public")], "x").into_response()),
    );
    let settings = EdgeSettings {
        request_timeout: Duration::from_secs(1),
        max_body_bytes: 64,
        trusted_proxies: Vec::new(),
        legacy_prefixes: &[],
    };
    let metrics = Metrics::new("agent_service");
    let app = App {
        router: stack(router, settings, metrics.clone()),
        metrics,
    };
    assert_eq!(app.get("/cached").await.headers["cache-control"], "public");
}
