//! The documentation page and the OpenAPI document.
//!
//! The page is a stored viewer and two small files, all from our own origin: it works offline,
//! and under a policy that lets the browser speak to nobody else.

use axum::{Router, response::IntoResponse, routing::get};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};

const PAGE: &str = include_str!("../../assets/docs.html");
const INIT: &str = include_str!("../../assets/docs.js");
/// Packed, as it is sent: no browser refuses gzip, and unpacking it here would cost 3.6 MB.
const VIEWER: &[u8] = include_bytes!("../../assets/scalar.js.gz");

/// The viewer writes style elements of its own; scripts come from files only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    frame-ancestors 'none'; form-action 'none'";

const HTML: &str = "text/html; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// These files change only with the program.
const AN_HOUR: &str = "public, max-age=3600";

/// `/docs`, its scripts under `/docs/`, and `/openapi.json`, which answers the given text.
pub fn router(openapi_json: Bytes) -> Router {
    let document = headers("application/json", "no-cache");
    let viewer = (
        headers(JAVASCRIPT, AN_HOUR),
        [(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))],
        VIEWER,
    );
    Router::new()
        .route("/openapi.json", get(async move || (document, openapi_json)))
        .route("/docs", get(page))
        .route("/docs/", get(page))
        .route("/docs/scalar.js", get(async move || viewer))
        .route(
            "/docs/init.js",
            get(async || (headers(JAVASCRIPT, AN_HOUR), INIT)),
        )
}

async fn page() -> impl IntoResponse {
    let policy = [(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    )];
    (headers(HTML, "no-cache"), policy, PAGE)
}

fn headers(kind: &'static str, cache: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static(cache)),
    ]
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, response::Response};
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str) -> Response {
        let router = router(Bytes::from_static(b"{\"openapi\":\"3.1.0\"}"));
        let request = Request::get(path).body(Body::empty()).unwrap();
        router.oneshot(request).await.unwrap()
    }

    async fn bytes(response: Response) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn the_page_runs_scripts_of_our_origin_only() {
        for path in ["/docs", "/docs/"] {
            let response = get(path).await;
            assert_eq!(response.status(), 200);
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY]
                .to_str()
                .unwrap();
            assert!(policy.contains("script-src 'self';"), "{policy}");
            assert!(policy.contains("connect-src 'self';"), "{policy}");
            let page = String::from_utf8(bytes(response).await.to_vec()).unwrap();
            assert!(!page.contains("://"), "{page}");
            for script in page.split("<script").skip(1) {
                assert!(script.starts_with(" src=\"/docs/"), "{script}");
            }
        }
    }

    #[tokio::test]
    async fn scripts_are_scripts_and_the_viewer_is_packed() {
        for path in ["/docs/scalar.js", "/docs/init.js"] {
            let response = get(path).await;
            assert_eq!(response.headers()[header::CONTENT_TYPE], JAVASCRIPT);
        }
        let viewer = get("/docs/scalar.js").await;
        assert_eq!(viewer.headers()[header::CONTENT_ENCODING], "gzip");
        let viewer = bytes(viewer).await;
        assert_eq!((viewer.len(), &viewer[..2]), (988_633, &[0x1f, 0x8b][..]));
    }

    #[tokio::test]
    async fn the_document_is_answered_as_given() {
        let response = get("/openapi.json").await;
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        assert_eq!(bytes(response).await, "{\"openapi\":\"3.1.0\"}");
    }
}
