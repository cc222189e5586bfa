//! Odd paths, methods and queries: never a way in, never a 5xx.

use agent_testkit::{Answer, TestApp};

use super::problem::{assert_document, assert_unharmed};

#[tokio::test]
async fn nul_in_a_path_or_a_query_is_400() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("nul", &[&brand]).await;
    let session = app.login(&brand.host, "nul", &agent.password).await;
    for path in [
        "/agent/withdraw/%00",
        "/agent/withdraw/W%001",
        "/agent/withdraw/list?status=%00",
        "/agent/withdraw/list?%00=1",
        "/agent/withdraw/list?page=1%00",
        "/withdraw/list?status=%00",
        "/%00",
        "/agent/unknown?%00",
        "/health?%00",
    ] {
        let answer = session.get(path).await;
        assert_document(&answer, 400, "malformed_request");
    }
    // What only looks like it is an unknown name.
    let answer = session.get("/agent/withdraw/%2500").await;
    assert_document(&answer, 404, "not_found");
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn odd_spellings_of_a_path_are_no_way_in() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("speller", &[&brand]).await;
    let session = app.login(&brand.host, "speller", &agent.password).await;
    let bearer = format!("authorization: Bearer {}", session.access_token);
    for target in [
        "/agent/info/",
        "//agent/info",
        "/agent//info",
        "/AGENT/info",
        "/Agent/Info",
        "/agent/./info",
        "/agent/../agent/info",
        "/agent/x/../info",
        "/agent/%69nfo",
        "/%61gent/info",
        "/agent%2finfo",
        "/agent/info%2f",
        "/agent/info%20",
        "/agent/info;x=1",
        "/agent/info,",
        "/agent\\info",
        "/agent/info.json",
        "/agent/info/..;/",
        "/health/../agent/info",
        "/user/info/",
        "/agent/withdraw/",
        "/agent/withdraw/W1/",
    ] {
        let line = format!("GET {target} HTTP/1.1");
        let host = format!("host: {}", brand.host);
        // Without a token: never let in. With one: no such path.
        let nobody = app.wire_lines(&[&line, &host]).await;
        assert!(
            matches!(nobody.status, 400 | 401 | 404),
            "{target}: {nobody:?}"
        );
        let agent = app.wire_lines(&[&line, &host, &bearer]).await;
        assert!(matches!(agent.status, 400 | 404), "{target}: {agent:?}");
    }
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn odd_request_lines_are_refused() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    for line in [
        "GET",
        "GET /agent/info",
        "GET  /agent/info HTTP/1.1",
        "GET /agent/info HTTP/3.0",
        "GET agent/info HTTP/1.1",
        "G\u{1b}T /agent/info HTTP/1.1",
        "GET /agent/in\u{1b}fo HTTP/1.1",
        "GET /agent/in fo HTTP/1.1",
        "GET * HTTP/1.1",
        "CONNECT a.test:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "PRI * HTTP/2.0",
    ] {
        let bytes = format!("{line}\r\nhost: a.test\r\nconnection: close\r\n\r\n");
        if let Some(answer) = app.wire(bytes).await {
            let status = answer.status;
            assert!((400..500).contains(&status), "{line:?}: {answer:?}");
        }
    }
    let long = format!("GET /agent/info?{} HTTP/1.1", "x".repeat(20_000));
    let answer = app.wire_lines(&[&long, "host: a.test"]).await;
    assert!(matches!(answer.status, 414 | 431), "{answer:?}");
    let header = format!("x-filler: {}", "x".repeat(20_000));
    let answer = app
        .wire_lines(&["GET /agent/info HTTP/1.1", "host: a.test", &header])
        .await;
    assert_eq!(answer.status, 431, "{answer:?}");
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn other_methods_are_405_and_told_which_are_not() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("methodical", &[&brand]).await;
    let session = app.login(&brand.host, "methodical", &agent.password).await;
    for (path, allowed, others) in [
        (
            "/agent/login",
            &["POST"][..],
            &["GET", "HEAD", "PUT", "DELETE"][..],
        ),
        ("/user/login", &["POST"], &["GET", "OPTIONS"]),
        (
            "/agent/info",
            &["GET", "HEAD"],
            &["POST", "PUT", "DELETE", "PATCH"],
        ),
        ("/user/info", &["GET", "HEAD"], &["POST", "TRACE"]),
        (
            "/agent/common/brand",
            &["GET", "HEAD"],
            &["POST", "OPTIONS"],
        ),
        ("/agent/withdraw/W1", &["GET", "HEAD"], &["DELETE"]),
        ("/health", &["GET", "HEAD"], &["POST", "TRACE"]),
        ("/openapi.json", &["GET", "HEAD"], &["POST"]),
    ] {
        for method in others.iter().chain(&["FOO", "get", "M-SEARCH"]) {
            let answer = Answer::of(session.request(method, path)).await;
            assert_eq!(answer.status, 405, "{method} {path}: {answer:?}");
            if *method != "HEAD" {
                assert_document(&answer, 405, "method_not_allowed");
            }
            let header = answer.headers["allow"].to_str().unwrap();
            let mut told: Vec<&str> = header.split(',').map(str::trim).collect();
            told.sort_unstable();
            assert_eq!(told, *allowed, "{method} {path}");
        }
    }
    let head = Answer::of(session.request("HEAD", "/agent/info")).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    // No header asks for another method, and nothing answers for browsers of other origins.
    let request = session
        .request("GET", "/agent/info")
        .header("X-HTTP-Method-Override", "DELETE")
        .header("Origin", "https://evil.test");
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200);
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert!(!answer.headers.contains_key("set-cookie"));
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn hostile_queries_are_422_or_ignored() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("asker", &[&brand]).await;
    let session = app.login(&brand.host, "asker", &agent.password).await;
    for query in [
        "page=0",
        "page=-1",
        "page=1e3",
        "page=1.0",
        "page=%2B1",
        "page=%C2%B2",
        "page=%D9%A1",
        "page=99999999999999999999",
        "page=9223372036854775807",
        "page=",
        "page=1&page=2",
        "page[]=1",
        "page_size=0",
        "page_size=101",
        "page_size=-9223372036854775808",
        "status=nope",
        "status=PAID",
        "status=paid%20",
        "status=paid'--",
        "status=%ff",
        "status=%EF%BF%BD",
        "date_from=x",
        "date_from=2026-02-30",
        "date_from=2026-13-01",
        "date_from=20260101",
        "date_from=2026-1-1",
        "date_from=0000-00-00",
        "date_from=2026-01-02&date_to=2026-01-01",
        "date_from=2026-01-01&date_to=2026-12-31",
        "date_from=-262143-01-01&date_to=-262143-01-02",
        "date_from=%2B262142-12-30&date_to=%2B262142-12-31",
        "date_from=-4714-11-24&date_to=-4714-11-25",
        "date_from=2026-01-01T00:00:00Z",
        "date_from=%202026-01-01",
    ] {
        for path in ["/agent/withdraw/list", "/withdraw/list"] {
            let answer = session.get(&format!("{path}?{query}")).await;
            // `page[]` is another name, and nobody knows it.
            let expected = if query == "page[]=1" { 200 } else { 422 };
            assert_eq!(answer.status, expected, "{query}: {answer:?}");
        }
    }
    for query in [
        "date_from=0001-01-01&date_to=0001-01-02",
        "date_from=9999-12-30&date_to=9999-12-31",
        "page=1000000&page_size=100",
        "unknown=%F0%9F%94%91",
        "&&&",
        "a=b=c",
        "%20",
    ] {
        let answer = session.get(&format!("/agent/withdraw/list?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
    }
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn hostile_names_in_a_path_are_404() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("namer", &[&brand]).await;
    let session = app.login(&brand.host, "namer", &agent.password).await;
    for name in [
        "x",
        "W",
        "W1",
        "w20260428000017",
        "W20260428000017x",
        "W20260428000017%20",
        "%57",
        "'%20OR%20'1'='1",
        "%ff",
        "%C0%AF",
        "%F0%9F%94%91",
        "..%2f..%2fetc",
        "-1",
        "%0a",
        "%1b%5b2J",
        &"9".repeat(4000),
    ] {
        for (method, path) in [
            ("GET", format!("/agent/withdraw/{name}")),
            ("GET", format!("/withdraw/{name}")),
            ("POST", format!("/agent/withdraw/{name}/cancel")),
        ] {
            let answer = Answer::of(session.request(method, &path)).await;
            assert_document(&answer, 404, "not_found");
        }
    }
    assert_unharmed(&app).await;
    app.finish().await;
}

/// In a file the page does not matter; what no page can be is refused all the same, as documented.
#[tokio::test]
async fn a_page_that_cannot_be_is_refused_in_every_format() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("pager", &[&brand]).await;
    let session = app.login(&brand.host, "pager", &agent.password).await;
    for list in [
        "/agent/messages/list?",
        "/agent/player/list?",
        "/agent/withdraw/list?",
        "/agent/coupon/logs?",
        "/agent/coupon/recycle/logs?",
        "/agent/provider/list?",
        "/agent/provider/percentage?",
        "/agent/sub/list?",
        "/agent/sub/statistic?",
        "/agent/sub/statistic/daily?",
    ] {
        for page in ["page=0", "page=1000001", "page_size=0", "page_size=101"] {
            for format in ["json", "csv"] {
                let answer = session.get(&format!("{list}format={format}&{page}")).await;
                assert_document(&answer, 422, "validation_failed");
            }
        }
    }
    app.finish().await;
}
