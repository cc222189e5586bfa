//! What the middleware makes of requests.

use std::sync::atomic::Ordering;

use agent_domain::EnforcementMode::Enforce;
use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header::RETRY_AFTER},
    response::{IntoResponse, Response},
    routing,
};
use proptest::prelude::*;
use tower::ServiceExt;

use super::fake::FakeDirectory;
use crate::{BrandCacheSettings, HostBrand};

/// Says what the handler sees: the brand of the extension, and every header that could be read
/// as `X-Brand-Id`.
async fn probe(Extension(brand): Extension<HostBrand>, headers: HeaderMap) -> String {
    let seen: Vec<String> = headers
        .iter()
        .filter(|(name, _)| name.as_str().replace('_', "-").contains("brand"))
        .map(|(name, value)| format!("{name}={}", value.to_str().unwrap()))
        .collect();
    let brand = brand.0.map_or("none".to_owned(), |b| b.id.to_string());
    format!("{brand} [{}]", seen.join(","))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands over the problem it made"
)]
fn refuse(problem: agent_domain::Problem) -> Response {
    let status = StatusCode::from_u16(problem.code.status()).unwrap();
    let mut response = (status, problem.code.as_str()).into_response();
    if problem.retry_after.is_some() {
        response.headers_mut().insert(RETRY_AFTER, 2.into());
    }
    response
}

fn portal(directory: &std::sync::Arc<FakeDirectory>) -> Router {
    directory.set_host("brand-a.localhost", Some(7));
    directory.set_host("brand-b.localhost", Some(8));
    let (guard, _) = directory.guard(Enforce, BrandCacheSettings::default());
    Router::new()
        .route("/", routing::any(probe))
        .layer(guard.resolve_layer(refuse))
}

async fn answer(portal: &Router, target: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = Request::builder().uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = portal.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = to_bytes(response.into_body(), 4096).await.unwrap();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

const BRAND_A: (u16, &str) = (200, "7 [x-brand-id=7]");
const NOBODY: (u16, &str) = (200, "none []");
const MALFORMED: (u16, &str) = (400, "malformed_request");

#[tokio::test]
async fn p160_the_host_decides_the_brand() {
    let portal = portal(&FakeDirectory::new());
    for (host, expected) in [
        ("brand-a.localhost", BRAND_A),
        ("Brand-A.LocalHost.:8080", BRAND_A),
        ("brand-b.localhost", (200, "8 [x-brand-id=8]")),
        ("brand-c.localhost", NOBODY),
        ("localhost", NOBODY),
        ("127.0.0.1:8080", NOBODY),
        ("[::1]:8080", NOBODY),
    ] {
        let (status, body) = answer(&portal, "/", &[("host", host)]).await;
        assert_eq!((status, body.as_str()), expected, "{host}");
    }
}

#[tokio::test]
async fn p160_no_other_header_decides_the_brand() {
    let portal = portal(&FakeDirectory::new());
    for (name, value) in [
        ("x-forwarded-host", "brand-b.localhost"),
        ("forwarded", "host=brand-b.localhost"),
        ("x-original-host", "brand-b.localhost"),
        ("x-host", "brand-b.localhost"),
        ("origin", "https://brand-b.localhost"),
    ] {
        let headers = [("host", "brand-a.localhost"), (name, value)];
        let (status, body) = answer(&portal, "/", &headers).await;
        assert_eq!((status, body.as_str()), BRAND_A, "{name}");
    }
}

#[tokio::test]
async fn p164_p165_no_spelling_of_x_brand_id_survives() {
    let portal = portal(&FakeDirectory::new());
    let spellings = [
        "X-Brand-Id",
        "x-brand-id",
        "X-BRAND-ID",
        "x_brand_id",
        "X-Brand_Id",
        "X-BrandId",
    ];
    for spelling in spellings {
        for (host, expected) in [("brand-a.localhost", BRAND_A), ("other.example", NOBODY)] {
            let headers = [
                (spelling, "8"),
                ("host", host),
                (spelling, "9"),
                ("X-Brand-Id", "10"),
            ];
            let (status, body) = answer(&portal, "/", &headers).await;
            assert_eq!((status, body.as_str()), expected, "{spelling}");
        }
    }
}

#[tokio::test]
async fn p164_headers_that_only_look_alike_are_left_alone() {
    let portal = portal(&FakeDirectory::new());
    let headers = [("host", "other.example"), ("x-brand-identity", "8")];
    let (_, body) = answer(&portal, "/", &headers).await;
    assert_eq!(body, "none [x-brand-identity=8]");
}

#[tokio::test]
async fn rfc9112_a_request_without_exactly_one_valid_host_is_400() {
    let directory = FakeDirectory::new();
    let portal = portal(&directory);
    let cases: &[&[(&str, &str)]] = &[
        &[],
        &[("host", "")],
        &[("host", "brand-a.localhost"), ("host", "brand-b.localhost")],
        &[("host", "brand-a.localhost"), ("Host", "brand-a.localhost")],
        &[("host", "brand-a.localhost, brand-b.localhost")],
        &[("host", "user@brand-a.localhost")],
        &[("host", "brand-a.localhost/")],
        &[("host", "brand-a.localhost:99999")],
        &[("host", "brand a")],
        &[("x-forwarded-host", "brand-a.localhost")],
    ];
    for headers in cases {
        let (status, body) = answer(&portal, "/", headers).await;
        assert_eq!((status, body.as_str()), MALFORMED, "{headers:?}");
    }
    assert_eq!(directory.host_lookups.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rfc9112_an_absolute_target_must_agree_with_the_host() {
    let portal = portal(&FakeDirectory::new());
    for (target, expected) in [
        ("http://brand-a.localhost/", BRAND_A),
        ("http://BRAND-A.localhost.:80/", BRAND_A),
        ("http://brand-b.localhost/", MALFORMED),
        ("http://nobody.example/", MALFORMED),
        ("http://user@brand-a.localhost/", MALFORMED),
        ("http://brand-a.localhost.evil.example/", MALFORMED),
    ] {
        let headers = [("host", "brand-a.localhost:8080")];
        let (status, body) = answer(&portal, target, &headers).await;
        assert_eq!((status, body.as_str()), expected, "{target}");
    }
    let (status, body) = answer(&portal, "http://brand-a.localhost/", &[]).await;
    assert_eq!((status, body.as_str()), MALFORMED, "no Host header");
}

#[tokio::test]
async fn a_directory_that_is_down_is_503_and_the_handler_is_not_reached() {
    let directory = FakeDirectory::new();
    let portal = portal(&directory);
    directory.set_down(true);
    let headers = [("host", "brand-a.localhost")];
    let (status, body) = answer(&portal, "/", &headers).await;
    assert_eq!((status, body.as_str()), (503, "unavailable"));

    directory.set_down(false);
    let (status, body) = answer(&portal, "/", &headers).await;
    assert_eq!((status, body.as_str()), BRAND_A);
}

fn any_case(text: &'static str) -> impl Strategy<Value = String> {
    any::<u64>().prop_map(move |mask| {
        let flip = |(i, c): (usize, char)| match mask >> (i % 64) & 1 {
            1 => c.to_ascii_uppercase(),
            _ => c,
        };
        text.chars().enumerate().map(flip).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn p165_no_header_spelling_or_duplicate_changes_the_resolved_brand(
        host in any_case("brand-a.localhost"),
        dot in prop_oneof![Just(""), Just(".")],
        port in proptest::option::of(any::<u16>()),
        spoofed in prop::collection::vec((any_case("x-brand-id"), "[ -~]{0,12}"), 0..5),
        forwarded in proptest::option::of(any_case("brand-b.localhost")),
    ) {
        let port = port.map_or(String::new(), |port| format!(":{port}"));
        let mut headers = vec![("host".to_owned(), format!("{host}{dot}{port}"))];
        headers.extend(spoofed);
        headers.extend(forwarded.map(|host| ("x-forwarded-host".to_owned(), host)));
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();

        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (status, body) = runtime.block_on(async {
            answer(&portal(&FakeDirectory::new()), "/", &headers).await
        });
        prop_assert_eq!((status, body.as_str()), BRAND_A);
    }
}
