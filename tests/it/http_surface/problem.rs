//! The shape of every error.

use agent_testkit::{Answer, TestApp};

/// Asserts a whole problem document (RFC 9457), named by the same id as its header.
#[track_caller]
pub(super) fn assert_document(answer: &Answer, status: u16, code: &str) {
    answer.assert_problem(status, code);
    let body = answer.body.as_object().unwrap();
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!(body["type"], "about:blank");
    assert_eq!(body["status"], status);
    for member in ["title", "detail", "request_id"] {
        assert!(!body[member].as_str().unwrap().is_empty(), "{member}");
    }
    let header = answer.headers["x-request-id"].to_str().unwrap();
    assert_eq!(body["request_id"], header);
    let known = [
        "type",
        "title",
        "status",
        "code",
        "detail",
        "request_id",
        "errors",
    ];
    assert!(
        body.keys().all(|name| known.contains(&name.as_str())),
        "{body:?}"
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
}

/// Whatever came, nothing broke and others are served.
pub(super) async fn assert_unharmed(app: &TestApp) {
    assert_eq!(app.metrics.http_panics_total.get(), 0);
    let rendered = app.metrics.render();
    let broken = rendered
        .lines()
        .find(|line| line.starts_with("http_requests_total{") && line.contains("status=\"5"));
    assert_eq!(broken, None);
    let alive = Answer::of(app.request("GET", "any.test", "/health")).await;
    assert_eq!(alive.status, 200, "{alive:?}");
}

#[tokio::test]
async fn errors_of_every_kind_are_problem_documents() {
    let app = TestApp::spawn().await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("erring", &[&brand]).await;
    let session = app.login(&brand.host, "erring", &agent.password).await;
    let foreign = app
        .request("GET", &foreign.host, "/agent/info")
        .bearer_auth(&session.access_token);
    for (request, status, code) in [
        (session.request("GET", "/agent/unknown"), 404, "not_found"),
        (
            session.request("GET", "/agent/withdraw/W1"),
            404,
            "not_found",
        ),
        (
            session.request("PUT", "/agent/info"),
            405,
            "method_not_allowed",
        ),
        (
            app.request("GET", &brand.host, "/agent/info"),
            401,
            "unauthenticated",
        ),
        (foreign, 403, "brand_forbidden"),
        (
            app.request("POST", &brand.host, "/agent/login"),
            415,
            "unsupported_media_type",
        ),
        (
            session.request("GET", "/agent/withdraw/list?page=0"),
            422,
            "validation_failed",
        ),
        (
            session.request("GET", "/agent/info?%00"),
            400,
            "malformed_request",
        ),
        (
            session.request(
                "GET",
                "/agent/withdraw/list?date_from=2026-01-01&date_to=2026-12-31",
            ),
            422,
            "range_too_long",
        ),
    ] {
        assert_document(&Answer::of(request).await, status, code);
    }
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn q86_a_limit_and_an_outage_tell_when_to_come_back() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_USERNAME", "1")]).await;
    let brand = app.brand("a").await;
    app.try_login(&brand.host, "nobody", "wrong one").await;
    let limited = app.try_login(&brand.host, "nobody", "wrong one").await;
    assert_document(&limited, 429, "rate_limited");
    assert!(limited.headers.contains_key("retry-after"));
    // The pool is closed, so no statement can be made.
    app.app.core.db.close().await;
    app.guard.apply_change_message("all");
    let away = app.try_login(&brand.host, "somebody", "wrong one").await;
    assert_document(&away, 503, "unavailable");
    assert!(away.headers.contains_key("retry-after"));
    let told = away.text.to_lowercase();
    for inner in ["pool", "sql", "postgres", "connection", "agent_"] {
        assert!(!told.contains(inner), "{away:?}");
    }
    app.finish().await;
}
