//! Silent clients cannot tell us that they broke: refusals under old paths are counted (Q-99).

use agent_testkit::{Answer, TestApp};
use serde_json::json;

fn counted(app: &TestApp, path: &str, method: &str, code: &str) -> u64 {
    let counter = &app.metrics.legacy_rejected_total;
    counter.with_label_values(&[path, method, code]).get()
}

fn all_counted(app: &TestApp) -> u64 {
    let rendered = app.metrics.render();
    let samples = rendered
        .lines()
        .filter(|line| line.starts_with("legacy_rejected_total{"));
    samples
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn q99_every_refusal_under_an_old_path_is_counted() {
    let app = TestApp::spawn().await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("silent", &[&brand]).await;
    let session = app.login(&brand.host, "silent", &agent.password).await;
    let token = &session.access_token;
    let send = async |method: &str, host: &str, path: &str, body: &str| {
        let request = app.request(method, host, path).bearer_auth(token);
        let request = request.header("Content-Type", "application/json");
        Answer::of(request.body(body.to_owned())).await
    };
    let nobody = app.request("GET", &brand.host, "/user/info");
    assert_eq!(Answer::of(nobody).await.status, 401);
    assert_eq!(counted(&app, "/user/info", "GET", "unauthenticated"), 1);
    let mut expected = 1;
    for (method, host, path, body, status, label, code) in [
        (
            "GET",
            &foreign.host,
            "/user/info",
            "",
            403,
            "/user/info",
            "brand_forbidden",
        ),
        (
            "GET",
            &brand.host,
            "/withdraw/W1",
            "",
            404,
            "/withdraw/{withdraw_no}",
            "not_found",
        ),
        (
            "POST",
            &brand.host,
            "/user/login",
            "{",
            400,
            "/user/login",
            "malformed_request",
        ),
        (
            "POST",
            &brand.host,
            "/user/login",
            "{}",
            422,
            "/user/login",
            "validation_failed",
        ),
        (
            "POST",
            &brand.host,
            "/user/login",
            r#"{"username":"silent","password":"wrong"}"#,
            401,
            "/user/login",
            "invalid_credentials",
        ),
        (
            "GET",
            &brand.host,
            "/withdraw/list?page=0",
            "",
            422,
            "/withdraw/list",
            "validation_failed",
        ),
        // A method that we did not expect, and a path that we do not know.
        (
            "GET",
            &brand.host,
            "/user/login",
            "",
            405,
            "/user/login",
            "method_not_allowed",
        ),
        (
            "POST",
            &brand.host,
            "/bank/list",
            "",
            405,
            "/bank/list",
            "method_not_allowed",
        ),
        (
            "GET",
            &brand.host,
            "/withdraw/list?a=%00",
            "",
            400,
            "/withdraw/list",
            "malformed_request",
        ),
        (
            "GET",
            &brand.host,
            "/user/settings",
            "",
            404,
            "/user/",
            "not_found",
        ),
        (
            "POST",
            &brand.host,
            "/coupon/grant_all",
            "",
            404,
            "/coupon/",
            "not_found",
        ),
    ] {
        let answer = send(method, host, path, body).await;
        assert_eq!(
            (answer.status, answer.code()),
            (status, code),
            "{method} {path}"
        );
        expected += 1;
        let told = (counted(&app, label, method, code), all_counted(&app));
        assert_eq!(told, (1, expected), "{method} {path}");
    }
    let plain = app.request("POST", &brand.host, "/user/login").body("x");
    assert_eq!(Answer::of(plain).await.status, 415);
    assert_eq!(
        counted(&app, "/user/login", "POST", "unsupported_media_type"),
        1
    );
    app.finish().await;
}

#[tokio::test]
async fn q99_neither_successes_nor_new_paths_are_counted() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("modern", &[&brand]).await;
    let session = app.login(&brand.host, "modern", &agent.password).await;
    for path in ["/user/info", "/bank/list", "/withdraw/list"] {
        assert_eq!(session.get(path).await.status, 200, "{path}");
    }
    for path in [
        "/agent/withdraw/W1",
        "/agent/withdraw/list?page=0",
        "/agent/login",
        "/agent/unknown",
        "/unknown",
    ] {
        assert!(session.get(path).await.status >= 400, "{path}");
    }
    assert_eq!(all_counted(&app), 0);
    app.finish().await;
}

#[tokio::test]
async fn q99_unknown_fields_of_a_refused_request_are_named_and_no_value_is() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("silent", &[&brand]).await;
    let session = app.login(&brand.host, "silent", &agent.password).await;
    for secret in ["66812345678", "planted-value", "planted-password"] {
        app.plant(secret);
    }
    let body = json!({
        "username": "silent", "pwd": "planted-password", "66812345678": "planted-value",
        "captcha_code": "planted-value",
    });
    for form in [false, true] {
        let request = app.request("POST", &brand.host, "/user/login");
        let request = if form {
            request.form(&body)
        } else {
            request.json(&body)
        };
        let answer = Answer::of(request).await;
        answer.assert_problem(422, "validation_failed");
        let line = line_of(&app, &answer);
        assert_eq!(line["unknown_members"], "<other>,captcha_code,pwd");
    }
    // Parameters of a query are members too; a field that is known is not named.
    let refused = session.get("/withdraw/list?page=0&pageNo=1").await;
    assert_eq!(line_of(&app, &refused)["unknown_members"], "pageNo");
    // New paths are no mystery.
    let refused = session.get("/agent/withdraw/list?page=0&pageNo=1").await;
    assert!(line_of(&app, &refused).get("unknown_members").is_none());
    app.finish().await;
}

fn line_of(app: &TestApp, answer: &Answer) -> serde_json::Value {
    let id = &answer.body["request_id"];
    let mut lines = app.logs.lines();
    lines.retain(|line| line["message"] == "request" && &line["request_id"] == id);
    assert_eq!(lines.len(), 1, "{lines:?}");
    lines.remove(0)
}
