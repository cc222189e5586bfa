//! Against a provider that answers with bytes of our choice.

use std::{net::SocketAddr, process::Command, time::Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::guard::MAX_ANSWER_BYTES;

const PHONE: &str = "+66812345678";
const TEXT: &str = "Your code is 004711";
const TOKEN: &str = "token-in-the-address";

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn client(address: SocketAddr, timeout_ms: u64) -> SmsClient {
    // Fails only when another test was faster.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let url = format!("http://user:{TOKEN}@{address}/send?key={TOKEN}");
    SmsClient::new(&url, Duration::from_millis(timeout_ms)).unwrap()
}

async fn send(client: &SmsClient) -> Result<(), SmsError> {
    client.send(PHONE, TEXT, Uuid::nil()).await
}

/// Reads a request to its end: the body is short and comes with the head or right after it.
async fn request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut chunk = [0; 4096];
        let read = stream.read(&mut chunk).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&chunk[..read]);
    }
    String::from_utf8(request).unwrap()
}

/// Takes one request, answers it, and gives it back.
fn answering(listener: TcpListener, answer: String) -> JoinHandle<String> {
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let request = request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        request
    })
}

/// What the client makes of one answer.
async fn judged(answer: String) -> Result<(), SmsError> {
    let (listener, address) = listener().await;
    let serving = answering(listener, answer);
    let outcome = send(&client(address, 5000)).await;
    serving.await.unwrap();
    outcome
}

fn answer(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\nContent-Length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn p117_p119_p171_the_request_holds_the_message_and_no_credential_of_ours() {
    let (listener, address) = listener().await;
    let serving = answering(listener, answer(200, ""));
    send(&client(address, 5000)).await.unwrap();
    let request = serving.await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let reference = Uuid::nil().to_string();
    let expected = serde_json::json!({ "to": PHONE, "text": TEXT, "reference": reference });
    assert_eq!(body, expected);
    let head = head.to_ascii_lowercase();
    assert!(
        head.starts_with(&format!("post /send?key={TOKEN} http/1.1\r\n")),
        "{head}"
    );
    let mut headers: Vec<&str> = head
        .lines()
        .skip(1)
        .filter_map(|line| Some(line.split_once(':')?.0))
        .collect();
    headers.sort_unstable();
    // The authorization is what the address held.
    let known = [
        "accept",
        "authorization",
        "content-length",
        "content-type",
        "host",
    ];
    assert_eq!(headers, known);
    assert!(
        head.contains("\r\ncontent-type: application/json"),
        "{head}"
    );
    let basic = "\r\nauthorization: basic dxnlcjp0b2tlbi1pbi10agutywrkcmvzcw==";
    assert!(head.contains(basic), "{head}");
}

#[tokio::test]
async fn p119_an_empty_body_or_an_object_without_a_refusal_is_a_yes() {
    for body in [
        "",
        " \r\n",
        "{}",
        r#"{"sent":true}"#,
        r#"{"id":7,"error":null,"ok":true}"#,
        r#"{"sent":"false"}"#,
    ] {
        for status in [200, 201, 202] {
            assert_eq!(
                judged(answer(status, body)).await,
                Ok(()),
                "{status} {body}"
            );
        }
    }
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    assert_eq!(judged(chunked.to_owned()).await, Ok(()));
    let empty = "HTTP/1.1 204 No Content\r\n\r\n".to_owned();
    assert_eq!(judged(empty).await, Ok(()));
}

#[tokio::test]
async fn p119_an_object_with_a_refusal_is_a_no() {
    for body in [
        r#"{"sent":false}"#,
        r#"{"success":false,"sent":true}"#,
        r#"{"ok":false}"#,
        r#"{"error":"blocked"}"#,
        r#"{"ok":true,"error":{"code":7}}"#,
        r#"{"error":false}"#,
    ] {
        let outcome = judged(answer(200, body)).await;
        assert_eq!(outcome, Err(SmsError::Refused), "{body}");
    }
}

#[tokio::test]
async fn p119_anything_else_under_2xx_is_a_no() {
    let deep = "[".repeat(60_000);
    for body in ["<h1>sign in</h1>", "OK", "true", "[]", "null", "{", &deep] {
        let outcome = judged(answer(200, body)).await;
        assert_eq!(outcome, Err(SmsError::Unreadable), "{body:.20}");
    }
    let binary = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\u{0080}".to_owned();
    assert_eq!(judged(binary).await, Err(SmsError::Unreadable));
}

#[tokio::test]
async fn p119_other_statuses_are_a_no_whatever_the_body_says() {
    for status in [304, 400, 401, 404, 429, 500, 503] {
        let outcome = judged(answer(status, r#"{"sent":true}"#)).await;
        assert_eq!(outcome, Err(SmsError::Status(status)));
    }
}

/// A redirect would hand phone and code to whomever the answer names.
#[tokio::test]
async fn p119_redirects_are_not_followed() {
    let (other, target) = listener().await;
    for status in [301, 302, 307, 308] {
        let redirect = format!(
            "HTTP/1.1 {status} Moved\r\nLocation: http://{target}/\r\nContent-Length: 0\r\n\r\n"
        );
        assert_eq!(judged(redirect).await, Err(SmsError::Status(status)));
    }
    let visit = tokio::time::timeout(Duration::from_millis(100), other.accept()).await;
    assert!(visit.is_err(), "the redirect was followed");
}

#[tokio::test]
async fn p119_an_answer_that_is_too_long_is_not_read_to_its_end() {
    let (listener, address) = listener().await;
    let flooding = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        request(&mut stream).await;
        let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{";
        stream.write_all(head).await.unwrap();
        let chunk = [b' '; 16 * 1024];
        let mut written = 0;
        while stream.write_all(&chunk).await.is_ok() {
            written += chunk.len();
        }
        written
    });
    assert_eq!(
        send(&client(address, 20_000)).await,
        Err(SmsError::Unreadable)
    );
    // Beside what was read, the buffers of both kernels hold a few megabytes.
    let written = flooding.await.unwrap();
    assert!(
        (MAX_ANSWER_BYTES..64 * 1024 * 1024).contains(&written),
        "{written}"
    );
}

#[tokio::test]
async fn p119_a_body_of_the_longest_length_is_still_read() {
    let fits = format!("{{{}}}", " ".repeat(MAX_ANSWER_BYTES - 2));
    assert_eq!(judged(answer(200, &fits)).await, Ok(()));
}

#[tokio::test]
async fn p119_a_silent_or_dripping_provider_costs_the_timeout_and_no_more() {
    for drip in [false, true] {
        let (listener, address) = listener().await;
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            if !drip {
                return std::future::pending().await;
            }
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{";
            stream.write_all(head).await.unwrap();
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let begin = Instant::now();
        let outcome = send(&client(address, 300)).await;
        assert_eq!(outcome, Err(SmsError::Call(CallError::Timeout)));
        assert!(begin.elapsed() >= Duration::from_millis(250));
        assert!(begin.elapsed() < Duration::from_secs(5));
        serving.abort();
    }
}

/// Once: a message whose fate is unknown must not be sent again.
#[tokio::test]
async fn p119_a_broken_connection_is_an_exception_and_nothing_is_sent_again() {
    for head in ["", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"] {
        let (listener, address) = listener().await;
        let serving = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            request(&mut stream).await;
            stream.write_all(head.as_bytes()).await.unwrap();
            drop(stream);
            tokio::time::timeout(Duration::from_millis(200), listener.accept())
                .await
                .is_ok()
        });
        let outcome = send(&client(address, 5000)).await;
        assert_eq!(outcome, Err(SmsError::Call(CallError::Broken)), "{head:?}");
        assert!(!serving.await.unwrap(), "sent again");
    }
    let (listener, address) = listener().await;
    drop(listener);
    let outcome = send(&client(address, 5000)).await;
    assert_eq!(outcome, Err(SmsError::Call(CallError::Connect)));
}

/// The first test again, in a process whose environment names a proxy that is not there.
#[test]
fn q05_a_proxy_in_the_environment_is_not_used() {
    let dead = "http://127.0.0.1:1";
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "sms::tests::p117_p119_p171_the_request_holds_the_message_and_no_credential_of_ours",
        ])
        .envs(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"].map(|name| (name, dead)))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && shown.contains("1 passed"),
        "{shown}"
    );
}

#[tokio::test]
async fn p199_errors_name_neither_phone_nor_text_nor_address() {
    let (listener, address) = listener().await;
    drop(listener);
    let unreachable = send(&client(address, 5000)).await.unwrap_err();
    let refused = judged(answer(200, &format!(r#"{{"error":"{PHONE} {TEXT}"}}"#))).await;
    let unusable = SmsClient::new(&format!("http://[{TOKEN}"), Duration::from_secs(1));
    let unusable = unusable.err().unwrap();
    let refused = refused.unwrap_err();
    let shown =
        format!("{unreachable} {unreachable:?} {refused} {refused:?} {unusable} {unusable:?}");
    for secret in [PHONE, "812345678", "004711", TOKEN, &address.to_string()] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn p119_an_https_provider_can_be_used() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    assert!(SmsClient::new("https://sms.example/send", Duration::from_secs(1)).is_ok());
}
