//! The extractors inside the stack, as a client meets them.

use std::time::Duration;

use agent_telemetry::Metrics;
use axum::{
    Json, Router,
    body::Body,
    routing::{get, post},
};
use bytes::Bytes;
use garde::Validate;
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::{AmountText, IdempotencyKey, PathParam, QueryParams, Valid};
use crate::middleware::{EdgeSettings, RequestLog, legacy, stack};

const LIMIT: usize = 256;

#[derive(Deserialize, Validate)]
struct Order {
    #[garde(skip)]
    amount: AmountText,
    #[garde(inner(length(chars, min = 1, max = 10)))]
    remark: Option<String>,
    #[garde(dive)]
    #[serde(default)]
    lines: Vec<Line>,
}

#[derive(Deserialize, Validate)]
struct Line {
    #[garde(range(min = 1))]
    card_id: i64,
}

async fn order(log: RequestLog, Valid(order): Valid<Order>) -> Json<Value> {
    Json(json!({
        "amount": order.amount.as_str(), "remark": order.remark,
        "cards": order.lines.iter().map(|line| line.card_id).collect::<Vec<_>>(),
        "legacy": log.is_legacy(),
    }))
}

#[derive(Deserialize)]
struct Paging {
    page: Option<i64>,
}

#[derive(Deserialize)]
struct Filter {
    day: Option<chrono::NaiveDate>,
    keyword: Option<String>,
}

async fn list(
    QueryParams(paging): QueryParams<Paging>,
    QueryParams(filter): QueryParams<Filter>,
) -> Json<Value> {
    Json(json!({"page": paging.page, "day": filter.day, "keyword": filter.keyword}))
}

#[derive(Deserialize)]
struct Both {
    a: i64,
    b: String,
}

async fn keyed(key: Option<IdempotencyKey>) -> Json<Value> {
    Json(json!(key.as_ref().map(IdempotencyKey::as_str)))
}

fn app() -> Router {
    let legacy = Router::new().route("/order", post(order));
    let router = Router::new()
        .route("/agent/order", post(order))
        .route("/agent/list", get(list))
        .route("/agent/key", post(keyed))
        .route(
            "/agent/item/{id}",
            get(async |PathParam(id): PathParam<i64>| id.to_string()),
        )
        .route(
            "/agent/two/{a}/{b}",
            get(async |PathParam(both): PathParam<Both>| format!("{} {}", both.a, both.b)),
        )
        .merge(legacy::mark(legacy));
    let settings = EdgeSettings {
        request_timeout: Duration::from_millis(200),
        max_body_bytes: LIMIT,
        trusted_proxies: Vec::new(),
        legacy_prefixes: &[],
    };
    stack(router, settings, Metrics::new("agent_service"))
}

async fn send(request: Request<Body>) -> (u16, Value) {
    let response = app().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    if status.is_success() {
        return (
            status.as_u16(),
            serde_json::from_str(&text).unwrap_or(Value::String(text)),
        );
    }
    let problem: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["status"], status.as_u16());
    (status.as_u16(), problem)
}

async fn post_as(path: &str, content_type: &str, body: impl Into<Body>) -> (u16, Value) {
    let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
    send(request.body(body.into()).unwrap()).await
}

async fn get_from(path: &str) -> (u16, Value) {
    send(Request::get(path).body(Body::empty()).unwrap()).await
}

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn one_handler_serves_json_and_on_its_alias_forms() {
    let body = r#"{"amount":"5.50","remark":"hi","brand_id":9}"#;
    let (status, answer) = post_as("/agent/order", JSON, body).await;
    assert_eq!(
        (status, &answer["amount"], &answer["legacy"]),
        (200, &json!("5.50"), &json!(false))
    );
    let (status, answer) = post_as("/order", JSON, body).await;
    assert_eq!((status, &answer["legacy"]), (200, &json!(true)));
    let (status, answer) = post_as("/order", FORM, "amount=100&remark=a+b").await;
    assert_eq!(
        (status, &answer["amount"], &answer["remark"]),
        (200, &json!("100"), &json!("a b"))
    );
    let (status, answer) = post_as("/agent/order", FORM, "amount=100").await;
    assert_eq!(
        (status, &answer["code"]),
        (415, &json!("unsupported_media_type"))
    );
}

#[tokio::test]
async fn an_optional_field_left_empty_is_absent_in_forms_only() {
    let (status, answer) = post_as("/order", FORM, "amount=100&remark=").await;
    assert_eq!((status, &answer["remark"]), (200, &Value::Null));
    // What is needed stays an empty text, and the type judges it.
    let (_, answer) = post_as("/order", FORM, "amount=&remark=a").await;
    assert_eq!(answer["amount"], "");
    for path in ["/order", "/agent/order"] {
        let (status, problem) = post_as(path, JSON, r#"{"amount":"1","remark":""}"#).await;
        assert_eq!(
            (status, &problem["errors"][0]["field"]),
            (422, &json!("remark")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn rules_that_a_body_breaks_are_told_by_field() {
    for (body, field) in [
        (r#"{"amount":"1","remark":"longer than ten"}"#, "remark"),
        (
            r#"{"amount":"1","lines":[{"card_id":1},{"card_id":0}]}"#,
            "lines[1].card_id",
        ),
        (r#"{"amount":1.5}"#, "amount"),
        (r#"{"amount":"1","remark":"\u0000"}"#, "remark"),
        (r#"{"amount":"1","extra":{"deep":"\u0000"}}"#, "extra.deep"),
        ("[]", "body"),
    ] {
        let (status, problem) = post_as("/agent/order", JSON, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("validation_failed")),
            "{body}"
        );
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
    }
    for form in [
        "amount=1&amount=2",
        "amount=1&remark=%00",
        "amount=1&remark=%FF",
    ] {
        let (status, problem) = post_as("/order", FORM, form).await;
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("validation_failed")),
            "{form}"
        );
    }
}

#[tokio::test]
async fn a_refusal_never_repeats_what_was_sent() {
    for body in [
        r#"{"amount":{"hunter2":1}}"#,
        r#"{"amount":"1","remark":["hunter2"]}"#,
        r#"{"amount":"1","remark":"hunter2-hunter2"}"#,
        r#"{"amount":"1","hunter2 \u0000":1}"#,
        r#""hunter2""#,
        "hunter2",
    ] {
        let (status, problem) = post_as("/agent/order", JSON, body).await;
        assert!((400..500).contains(&status), "{status}");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }
}

#[tokio::test]
async fn what_is_no_json_is_400() {
    for body in ["", "{", "amount=1", "{\"amount\":\"1\"}}"] {
        let (status, problem) = post_as("/agent/order", JSON, body).await;
        assert_eq!(
            (status, &problem["code"]),
            (400, &json!("malformed_request")),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_announced_or_not() {
    let long = format!(r#"{{"amount":"1","remark":"{}"}}"#, "x".repeat(LIMIT));
    let (status, problem) = post_as("/agent/order", JSON, long.clone()).await;
    assert_eq!(
        (status, &problem["code"]),
        (413, &json!("payload_too_large"))
    );
    let announced = Request::post("/agent/order")
        .header(header::CONTENT_TYPE, JSON)
        .header(header::CONTENT_LENGTH, "99999999999")
        .body(Body::empty());
    assert_eq!(send(announced.unwrap()).await.0, 413);
    let exact = format!(r#"{{"amount":"1","x":"{}"}}"#, "x".repeat(LIMIT - 21));
    assert_eq!(exact.len(), LIMIT);
    assert_eq!(post_as("/agent/order", JSON, exact).await.0, 200);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let never = futures_util::stream::pending::<std::io::Result<Bytes>>();
    let (status, problem) = post_as("/agent/order", JSON, Body::from_stream(never)).await;
    assert_eq!((status, &problem["code"]), (408, &json!("request_timeout")));
}

#[tokio::test]
async fn queries_are_read_by_several_types() {
    let (_, answer) = get_from("/agent/list?page=2&day=2026-04-28&keyword=a%20b&other=1").await;
    assert_eq!(
        answer,
        json!({"page": 2, "day": "2026-04-28", "keyword": "a b"})
    );
    let (_, answer) = get_from("/agent/list").await;
    assert_eq!(answer, json!({"page": null, "day": null, "keyword": null}));
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_422_and_not_repeated() {
    for (query, field) in [
        ("page=hunter2", "page"),
        ("page=", "page"),
        ("page=%2B1", "page"),
        ("page=1&page=2", "page"),
        ("day=hunter2", "day"),
        ("keyword=%FF", "keyword"),
        ("page=99999999999999999999", "page"),
    ] {
        let (status, problem) = get_from(&format!("/agent/list?{query}")).await;
        assert_eq!(
            (status, &problem["code"]),
            (422, &json!("validation_failed")),
            "{query}"
        );
        assert_eq!(problem["errors"][0]["field"], field, "{query}");
        assert!(!problem.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn q03_a_path_parameter_that_does_not_fit_is_404() {
    assert_eq!(get_from("/agent/item/17").await, (200, json!(17)));
    assert_eq!(get_from("/agent/two/1/x%20y").await.1, json!("1 x y"));
    for path in [
        "/agent/item/abc",
        "/agent/item/+1",
        "/agent/item/1.0",
        "/agent/item/99999999999999999999",
        "/agent/item/%FF",
        "/agent/item/1/",
        "/agent/two/x/y",
    ] {
        let (status, problem) = get_from(path).await;
        assert_eq!(
            (status, &problem["code"]),
            (404, &json!("not_found")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn q88_an_idempotency_key_is_plain_and_single() {
    let with = |keys: &[&str]| {
        let mut request = Request::post("/agent/key");
        for key in keys {
            request = request.header("Idempotency-Key", *key);
        }
        send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(with(&[]).await, (StatusCode::OK.as_u16(), Value::Null));
    assert_eq!(with(&["7f-1"]).await.1, json!("7f-1"));
    assert_eq!(with(&[&"k".repeat(255)]).await.0, 200);
    for keys in [
        &[""][..],
        &["a b"],
        &["a\tb"],
        &["é"],
        &["a", "a"],
        &[&"k".repeat(256)],
    ] {
        let (status, problem) = with(keys).await;
        assert_eq!(status, 422, "{keys:?}");
        assert_eq!(problem["errors"][0]["field"], "Idempotency-Key");
    }
}
