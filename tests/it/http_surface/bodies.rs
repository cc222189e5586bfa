//! Bodies that are no valid request.

use agent_testkit::{Answer, TestApp};

use super::problem::{assert_document, assert_unharmed};

const LOGIN: &str = "/agent/login";

async fn post(app: &TestApp, media_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = app.request("POST", "a.test", LOGIN);
    Answer::of(request.header("Content-Type", media_type).body(body)).await
}

#[tokio::test]
async fn what_is_no_json_is_400() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    let nested = |open: &str, close: &str, depth: usize| {
        format!("{}{}", open.repeat(depth), close.repeat(depth))
    };
    for body in [
        "".to_owned(),
        " ".to_owned(),
        "{".to_owned(),
        "}".to_owned(),
        "{}{}".to_owned(),
        "nul".to_owned(),
        "{'username':'a'}".to_owned(),
        "{\"username\":\"a\",}".to_owned(),
        "{\"username\":\"a\nb\"}".to_owned(),
        "{\"username\":\"\\ud800\"}".to_owned(),
        "{\"username\":NaN}".to_owned(),
        "{\"username\":1e999}".to_owned(),
        "\u{feff}{}".to_owned(),
        "username=a&password=b".to_owned(),
        "<login/>".to_owned(),
        nested("[", "]", 30_000),
        nested("{\"a\":", "}", 10_000),
        format!(
            "{{\"username\":\"a\",\"password\":\"b\",\"x\":{}}}",
            nested("[", "]", 20_000)
        ),
        "[".repeat(60_000),
    ] {
        let answer = post(&app, "application/json", body.clone()).await;
        let told = (answer.status, answer.code());
        let start: String = body.chars().take(40).collect();
        assert_eq!(told, (400, "malformed_request"), "{start}: {answer:?}");
        assert_document(&answer, 400, "malformed_request");
    }
    let bytes = b"{\"username\":\"\xff\xfe\"}".to_vec();
    let answer = post(&app, "application/json", bytes).await;
    assert_document(&answer, 400, "malformed_request");
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn what_is_no_such_request_is_422_and_nothing_is_repeated() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    app.plant("planted-in-a-body");
    for body in [
        "null",
        "[]",
        "1",
        "\"planted-in-a-body\"",
        "{}",
        r#"{"username":"planted-in-a-body"}"#,
        r#"{"username":"planted-in-a-body","password":null}"#,
        r#"{"username":"planted-in-a-body","password":["planted-in-a-body"]}"#,
        r#"{"username":{"a":1},"password":"planted-in-a-body"}"#,
        r#"{"username":1,"password":"planted-in-a-body"}"#,
        r#"{"username":true,"password":"planted-in-a-body"}"#,
        r#"{"username":"","password":"planted-in-a-body"}"#,
        r#"{"username":"planted-in-a-body","username":"b","password":"c"}"#,
        r#"{"username":"planted-in-a-body\u0000","password":"c"}"#,
        r#"{"username":"a","password":"planted-in-a-body\u0000"}"#,
        r#"{"username":"a","password":"b","c":{"planted-in-a-body 1":"\u0000"}}"#,
        r#"["planted-in-a-body","b"]"#,
    ] {
        let answer = post(&app, "application/json", body).await;
        assert_document(&answer, 422, "validation_failed");
        assert!(!answer.body["errors"].as_array().unwrap().is_empty());
        assert!(!answer.text.contains("planted"), "{answer:?}");
        for inner in ["struct", "LoginBody", "serde", "u64", "line 1"] {
            assert!(!answer.text.contains(inner), "{answer:?}");
        }
    }
    let long = format!(
        r#"{{"username":"{}","password":"b"}}"#,
        "\u{0e01}".repeat(65)
    );
    let answer = post(&app, "application/json", long).await;
    assert_document(&answer, 422, "validation_failed");
    assert_eq!(answer.body["errors"][0]["field"], "username");
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn members_that_nobody_asked_for_change_nothing() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("plain", &[&brand]).await;
    let body = serde_json::json!({
        "username": "plain", "password": agent.password, "brand_id": 99, "agent_id": 99, "guid": 99,
        "parent_guid": 99, "status": "locked", "level": 1, "token_version": 9, "is_admin": true,
        "__proto__": { "admin": true },
    });
    let request = app.request("POST", &brand.host, LOGIN).json(&body);
    let answer = Answer::of(request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["agent"]["guid"], agent.guid.0);
    assert_eq!(answer.body["agent"]["parent_guid"], serde_json::Value::Null);
    let version = "SELECT token_version::bigint FROM agent";
    assert_eq!(app.count(version).await, 1);
    for name in ["access_token", "refresh_token"] {
        app.plant(answer.body[name].as_str().unwrap());
    }
    app.finish().await;
}

#[tokio::test]
async fn other_formats_are_415() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    let good = r#"{"username":"a","password":"b"}"#;
    for media_type in [
        "",
        "text/plain",
        "text/json",
        "application/xml",
        "application/jsonp",
        "application/problem+json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/json, application/json",
        "*/*",
    ] {
        let answer = post(&app, media_type, good).await;
        assert_document(&answer, 415, "unsupported_media_type");
    }
    let plain = Answer::of(app.request("POST", "a.test", LOGIN).body(good)).await;
    assert_document(&plain, 415, "unsupported_media_type");
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x"] {
        let request = app
            .request("POST", "a.test", LOGIN)
            .header("Content-Type", "application/json")
            .header("Content-Encoding", encoding);
        // The first bytes of a packed body; nobody unpacks it.
        let answer = Answer::of(request.body(b"\x1f\x8b\x08\x00".to_vec())).await;
        assert_document(&answer, 415, "unsupported_media_type");
    }
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_large_body_is_413_however_it_is_announced() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    let filler = "x".repeat(70_000);
    let large = format!(r#"{{"username":"a","password":"b","filler":"{filler}"}}"#);
    let answer = post(&app, "application/json", large.clone()).await;
    assert_document(&answer, 413, "payload_too_large");
    assert_eq!(answer.headers["connection"], "close");

    let head = "POST /agent/login HTTP/1.1\r\nhost: a.test\r\ncontent-type: application/json\r\n";
    // Announced only, and not sent.
    for length in ["65537", "1000000000000"] {
        let request = format!("{head}content-length: {length}\r\n\r\n");
        let answer = app.wire(request).await.unwrap();
        assert_document(&answer, 413, "payload_too_large");
    }
    // No length at all, for those who parse it.
    let request = format!("{head}content-length: 18446744073709551615\r\n\r\n");
    let answer = app.wire(request).await.unwrap();
    assert!((400..500).contains(&answer.status), "{answer:?}");
    // In pieces of unknown number.
    let piece = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let pieces = piece.repeat(20);
    let request = format!("{head}transfer-encoding: chunked\r\n\r\n{pieces}0\r\n\r\n");
    let answer = app.wire(request).await.unwrap();
    assert_document(&answer, 413, "payload_too_large");
    // Just below the limit it is read.
    let body = format!(r#"{{"filler":"{}"}}"#, "x".repeat(65_000));
    let answer = post(&app, "application/json", body).await;
    assert_document(&answer, 422, "validation_failed");
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_400() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    let head = "POST /agent/login HTTP/1.1\r\nhost: a.test\r\ncontent-type: application/json\r\nconnection: close\r\n";
    for rest in [
        "transfer-encoding: chunked\r\n\r\nzz\r\n",
        "transfer-encoding: chunked\r\n\r\n5\r\n{}xxxxxxx\r\n0\r\n\r\n",
        "transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    ] {
        let answer = app.wire(format!("{head}{rest}")).await.unwrap();
        assert_eq!(answer.status, 400, "{rest}: {answer:?}");
    }
    assert_unharmed(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn a_body_where_none_belongs_is_ignored() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("wordy", &[&brand]).await;
    let session = app.login(&brand.host, "wordy", &agent.password).await;
    for body in ["{", "x", r#"{"brand_id":2}"#] {
        let request = session.request("GET", "/agent/top_info").body(body);
        assert_eq!(Answer::of(request).await.status, 200, "{body}");
    }
    app.finish().await;
}

/// As the OpenAPI document says: for JSON Schema `7.0` is an integer.
#[tokio::test]
async fn an_integer_may_be_written_with_an_empty_fraction() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("reader", &[&brand]).await;
    let session = app.login(&brand.host, "reader", &agent.password).await;
    let read = async |ids: &str| {
        let body = format!(r#"{{"ids":[{ids}]}}"#);
        let request = session.request("POST", "/agent/messages/read");
        let request = request.header("Content-Type", "application/json");
        Answer::of(request.body(body)).await
    };
    for ids in ["7", "7.0", "-2e3, 7.00"] {
        assert_eq!(read(ids).await.status, 204, "{ids}");
    }
    // Above 2^53 it cannot be known which number was written, whatever it is written as.
    for (ids, told) in [
        ("7.5", "must be an integer"),
        ("9007199254740993.0", "is out of range"),
        ("9007199254740992", "is out of range"),
        ("-9223372036854775808", "is out of range"),
        ("1e300", "is out of range"),
    ] {
        let answer = read(ids).await;
        assert_document(&answer, 422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["message"], told, "{ids}");
    }
    app.finish().await;
}

/// The OpenAPI document counts characters, and so does the service.
#[tokio::test]
async fn codes_and_tokens_are_measured_in_characters() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let send = async |path: &str, body: serde_json::Value| {
        let request = app.request("POST", &brand.host, path).json(&body);
        Answer::of(request).await
    };
    let request_id = "00000000-0000-4000-8000-000000000000";
    let verify = |code: String| serde_json::json!({ "request_id": request_id, "code": code });
    let refresh = |token: String| serde_json::json!({ "refresh_token": token });
    let reset = |token: String| serde_json::json!({ "reset_token": token, "new_password": "a new password" });
    for (path, longest, too_long, status, code) in [
        (
            "/agent/recovery/verify",
            verify("\u{e01}".repeat(32)),
            verify("\u{e01}".repeat(33)),
            400,
            "otp_invalid",
        ),
        (
            "/agent/refresh_token",
            refresh("\u{e01}".repeat(512)),
            refresh("\u{e01}".repeat(513)),
            401,
            "unauthenticated",
        ),
        (
            "/agent/recovery/reset",
            reset("\u{e01}".repeat(4096)),
            reset("\u{e01}".repeat(4097)),
            400,
            "token_invalid",
        ),
    ] {
        assert_document(&send(path, longest).await, status, code);
        assert_document(&send(path, too_long).await, 422, "validation_failed");
    }
    app.finish().await;
}
