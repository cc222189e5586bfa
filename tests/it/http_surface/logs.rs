//! One line for each request, and nothing in it that a client wrote.

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

/// The lines of requests, in order.
fn requests(app: &TestApp) -> Vec<Value> {
    let mut lines = app.logs.lines();
    lines.retain(|line| line["message"] == "request");
    lines
}

#[tokio::test]
async fn q99_a_request_is_one_line_of_known_fields() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("logged", &[&brand]).await;
    let session = app.login(&brand.host, "logged", &agent.password).await;
    session.get("/agent/withdraw/W123?keyword=x").await;
    session.get("/user/info").await;
    Answer::of(app.request("GET", "nobodys.test", "/agent/info")).await;
    session.get("/nowhere/at/all").await;

    let lines = requests(&app);
    let known = [
        "timestamp",
        "level",
        "message",
        "target",
        "method",
        "route",
        "status",
        "ms",
        "request_id",
        "agent",
        "brand",
        "code",
        "cause",
        "unknown_members",
        "span",
    ];
    for line in &lines {
        let unknown = line.as_object().unwrap().keys();
        let unknown: Vec<&String> = unknown
            .filter(|name| !known.contains(&name.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(line["ms"].as_f64().unwrap() >= 0.0);
        assert!(!line["request_id"].as_str().unwrap().is_empty());
    }
    let (guid, id) = (json!(agent.guid.0), json!(brand.id.0));
    let told = |line: &Value| {
        let fields = ["method", "route", "status", "agent", "brand", "code"];
        Value::from(fields.map(|name| line[name].clone()).to_vec())
    };
    let told: Vec<Value> = lines.iter().map(told).collect();
    let none = Value::Null;
    assert_eq!(
        told,
        [
            json!(["POST", "/agent/login", 200, guid, id, none]),
            json!([
                "GET",
                "/agent/withdraw/{withdraw_no}",
                404,
                guid,
                id,
                "not_found"
            ]),
            json!(["GET", "/user/info", 200, guid, id, none]),
            json!(["GET", "/agent/info", 401, none, none, "unauthenticated"]),
            json!(["GET", "unmatched", 404, none, none, "not_found"]),
        ]
    );
    app.finish().await;
}

#[tokio::test]
async fn q99_nothing_that_a_client_sent_is_logged() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("discreet", &[&brand]).await;
    let session = app.login(&brand.host, "discreet", &agent.password).await;
    for secret in ["66812345678", "planted-word", "0812345678"] {
        app.plant(secret);
    }
    for path in [
        "/agent/withdraw/66812345678",
        "/agent/withdraw/list?keyword=66812345678",
        "/agent/withdraw/list?page=66812345678",
        "/agent/withdraw/list?66812345678=1",
        "/withdraw/list?66812345678=1&page=0&keyword=planted-word%0a",
        "/planted-word/66812345678",
        "/user/planted-word?planted-word",
        "/agent/info?planted-word#planted-word",
    ] {
        let request = session
            .request("GET", path)
            .header("Referer", "https://planted-word.test/0812345678")
            .header("Cookie", "session=planted-word")
            .header("X-Planted-Word", "planted-word");
        Answer::of(request).await;
    }
    for path in ["/agent/login", "/user/login"] {
        let body = json!({
            "username": "planted-word 66812345678", "password": "planted-word-password",
            "planted-word 0812345678": "planted-word",
        });
        let request = app.request("POST", &brand.host, path);
        Answer::of(request.json(&body)).await;
        let request = app.request("POST", "planted-word.test", path);
        Answer::of(request.json(&body)).await;
        let request = app.request("POST", &brand.host, path);
        Answer::of(
            request
                .header("Content-Type", "planted-word")
                .body("planted-word"),
        )
        .await;
    }
    assert!(requests(&app).len() >= 15);
    app.finish().await;
}

#[tokio::test]
async fn a_plain_request_id_is_kept_and_any_other_replaced() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let ask = async |ids: &[&str]| {
        let request = app.request("GET", &brand.host, "/agent/info");
        let request = ids
            .iter()
            .fold(request, |request, id| request.header("X-Request-Id", *id));
        Answer::of(request).await
    };
    let kept = ask(&["01J-client_id.7"]).await;
    assert_eq!(kept.body["request_id"], "01J-client_id.7");
    assert_eq!(kept.headers["x-request-id"], "01J-client_id.7");
    assert_eq!(requests(&app)[0]["request_id"], "01J-client_id.7");
    let long = "x".repeat(65);
    for ids in [
        &["a b"][..],
        &[""],
        &["a\"b"],
        &["{}"],
        &["a\tb"],
        &["<script>"],
        &["one", "two"],
        &[&long],
    ] {
        let answer = ask(ids).await;
        let id = answer.headers["x-request-id"].to_str().unwrap();
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{ids:?}: {id}");
        assert_eq!(answer.body["request_id"], id);
    }
    app.finish().await;
}

#[tokio::test]
async fn control_characters_forge_no_log_line() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let forged: &[&[u8]] = &[
        b"x\r\n{\"level\":\"ERROR\",\"message\":\"forged\"}",
        b"x\n{\"message\":\"forged\"}",
        b"x\r{\"message\":\"forged\"}",
        b"x\x1b[2J\x1b]0;forged\x07",
        b"x\xc2\x9b31mforged",
        b"x\xe2\x80\xa8forged",
        b"x\xe2\x80\xaeforged",
        b"x\xff\xfeforged",
        b"x\"},{\"message\":\"forged\"",
    ];
    for value in forged {
        for name in [
            "x-request-id",
            "user-agent",
            "x-forwarded-for",
            "authorization",
        ] {
            let mut bytes = format!(
                "GET /agent/info HTTP/1.1\r\nhost: {}\r\n{name}: ",
                brand.host
            )
            .into_bytes();
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\nconnection: close\r\n\r\n");
            if let Some(answer) = app.wire(bytes).await {
                assert!(matches!(answer.status, 400 | 401), "{name}: {answer:?}");
            }
        }
    }
    // Through JSON every character gets in, up to the row of the login log.
    for username in [
        "a\r\n{\"message\":\"forged\"}",
        "a\u{1b}[2Jforged",
        "a\u{9b}31mforged\u{85}\u{2028}\u{202e}",
    ] {
        let body = json!({ "username": username, "password": username, username: 1 });
        for path in ["/agent/login", "/user/login"] {
            let request = app.request("POST", &brand.host, path).json(&body);
            let agent = reqwest::header::HeaderValue::from_bytes(b"x\xc2\x9b31mforged").unwrap();
            Answer::of(request.header("User-Agent", agent)).await;
        }
    }
    let text = app.logs.text();
    // Every line is one JSON object, none is ours by name only, and none drives a terminal.
    for line in app.logs.lines() {
        assert_ne!(line["message"], "forged");
    }
    let drives = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202e}')
    };
    assert!(!text.contains(drives));
    let stored = "SELECT count(*) FROM agent_login_log WHERE ua ~ '[[:cntrl:]]'";
    assert_eq!(app.count(stored).await, 0);
    app.finish().await;
}
