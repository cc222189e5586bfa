//! The problem document (RFC 9457) that a client reads.

use std::sync::Arc;

use agent_domain::{Code, Problem};
use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::schema::{Object, ObjectBuilder, Type},
};

use super::status_of;

const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Body of every error, sent as `application/problem+json`.
#[derive(Serialize, ToSchema)]
pub struct ProblemDocument {
    /// Always `about:blank`: `code` says what happened.
    #[serde(rename = "type")]
    #[schema(example = "about:blank")]
    pub kind: &'static str,
    /// Short name of the error.
    #[schema(value_type = String)]
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Stable name of the error: the member to branch on.
    #[schema(schema_with = code_schema)]
    pub code: &'static str,
    /// What went wrong, for people.
    pub detail: String,
    /// Names this request in our logs; also sent as `x-request-id`.
    pub request_id: String,
    /// The fields that broke a rule, with `validation_failed`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
}

/// One field that broke a rule.
#[derive(Serialize, ToSchema)]
pub struct FieldProblem {
    /// Path of the field, such as `percentages[0].percentage`.
    pub field: String,
    pub message: String,
}

fn code_schema() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())))
        .description(Some(
            "Stable name of the error: the member to branch on. More names may be added.",
        ))
        .build()
}

impl ProblemDocument {
    fn new(problem: &Problem, request_id: &str) -> Self {
        let errors = problem.errors.iter().map(|error| FieldProblem {
            field: error.field.clone(),
            message: error.message.clone(),
        });
        Self {
            kind: "about:blank",
            title: problem.code.title(),
            status: problem.code.status(),
            code: problem.code.as_str(),
            detail: problem.detail.clone().into_owned(),
            request_id: request_id.to_owned(),
            errors: errors.collect(),
        }
    }
}

/// Gives an error its body. An error that no handler of ours made (an unknown path, a wrong
/// method, a library's refusal) gets the problem of its status, so that no library's text leaves.
/// Returns the problem for the log.
pub(crate) fn complete(response: &mut Response, request_id: &str) -> Option<Arc<Problem>> {
    let attached = response.extensions().get::<Arc<Problem>>().cloned();
    let problem = attached.or_else(|| of_foreign(response).map(Arc::new))?;
    write(response, &problem, request_id);
    Some(problem)
}

fn write(response: &mut Response, problem: &Problem, request_id: &str) {
    let document = ProblemDocument::new(problem, request_id);
    // A struct of texts and one number cannot fail to serialise.
    let body = serde_json::to_vec(&document).unwrap_or_default();
    *response.status_mut() = status_of(problem.code);
    *response.body_mut() = Body::from(body);
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
    describe_in_headers(headers, problem);
}

fn describe_in_headers(headers: &mut HeaderMap, problem: &Problem) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match problem.code.status() {
        401 => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // What is left of the body will not be read.
        408 | 413 => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        _ => {}
    }
    if let Some(after) = problem.retry_after {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// The problem of an error answer that holds none. JSON errors are ours (a health report).
fn of_foreign(response: &Response) -> Option<Problem> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_json(response.headers()) {
        return None;
    }
    Some(match status {
        StatusCode::UNAUTHORIZED => Problem::unauthenticated(),
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => Problem::new(
            Code::MethodNotAllowed,
            "the header Allow lists the methods of this path",
        ),
        StatusCode::REQUEST_TIMEOUT => request_timeout(),
        StatusCode::PAYLOAD_TOO_LARGE => payload_too_large(),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Problem::new(Code::UnsupportedMediaType, "the body has an unknown format")
        }
        StatusCode::UNPROCESSABLE_ENTITY => {
            Problem::new(Code::ValidationFailed, "the request is not valid")
        }
        StatusCode::SERVICE_UNAVAILABLE => Problem::unavailable("a layer answered 503"),
        status if status.is_client_error() => {
            Problem::new(Code::MalformedRequest, "the request could not be read")
        }
        status => Problem::internal(format!("a layer answered {}", status.as_u16())),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/json"))
}

/// The body did not arrive in time.
pub(crate) fn request_timeout() -> Problem {
    Problem::new(Code::RequestTimeout, "the body did not arrive in time")
}

/// The body is longer than this service reads.
pub(crate) fn payload_too_large() -> Problem {
    Problem::new(Code::PayloadTooLarge, "the body is too large")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::response::IntoResponse;
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;
    use crate::error::ApiError;

    async fn rendered(mut response: Response) -> (StatusCode, HeaderMap, Value) {
        complete(&mut response, "req-1");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        (parts.status, parts.headers, body)
    }

    #[tokio::test]
    async fn a_problem_becomes_a_problem_document() {
        let problem = Problem::rate_limited(Duration::from_millis(1200));
        let (status, headers, body) = rendered(ApiError(problem).into_response()).await;
        assert_eq!(status, 429);
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers[header::RETRY_AFTER], "2");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(
            body,
            json!({
                "type": "about:blank", "title": "Too many attempts", "status": 429,
                "code": "rate_limited", "request_id": "req-1",
                "detail": "too many attempts; wait before trying again",
            })
        );
    }

    #[tokio::test]
    async fn fields_are_listed_and_causes_are_not() {
        let problem = Problem::field("amount", "must be greater than 0").caused_by("SELECT secret");
        let (_, _, body) = rendered(ApiError(problem).into_response()).await;
        assert_eq!(
            body["errors"],
            json!([{"field": "amount", "message": "must be greater than 0"}])
        );
        assert!(!body.to_string().contains("SELECT"));
    }

    #[tokio::test]
    async fn unauthenticated_names_the_scheme() {
        let (_, headers, _) = rendered(ApiError(Problem::unauthenticated()).into_response()).await;
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    }

    #[tokio::test]
    async fn a_librarys_text_never_leaves() {
        let (status, _, body) =
            rendered((StatusCode::BAD_REQUEST, "serde says x").into_response()).await;
        assert_eq!(
            (status.as_u16(), body["code"].as_str()),
            (400, Some("malformed_request"))
        );
        let (status, _, body) = rendered((StatusCode::BAD_GATEWAY, "trace").into_response()).await;
        assert_eq!(
            (status.as_u16(), body["code"].as_str()),
            (500, Some("internal"))
        );
    }

    #[tokio::test]
    async fn success_and_json_answers_stay_as_they_are() {
        let (status, _, body) = rendered(axum::Json(json!({"a": 1})).into_response()).await;
        assert_eq!((status.as_u16(), body), (200, json!({"a": 1})));
        let unhealthy = (
            StatusCode::SERVICE_UNAVAILABLE,
            axum::Json(json!({"status": "unhealthy"})),
        );
        let (status, _, body) = rendered(unhealthy.into_response()).await;
        assert_eq!(
            (status.as_u16(), body),
            (503, json!({"status": "unhealthy"}))
        );
    }

    #[test]
    fn the_schema_lists_every_code() {
        let schema =
            serde_json::to_value(<ProblemDocument as utoipa::PartialSchema>::schema()).unwrap();
        let codes = schema["properties"]["code"]["enum"].as_array().unwrap();
        assert_eq!(codes.len(), Code::ALL.len());
        assert!(
            !schema["required"]
                .as_array()
                .unwrap()
                .contains(&json!("errors"))
        );
    }
}
