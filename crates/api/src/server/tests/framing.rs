//! Where requests begin and end.

use super::{Client, Server};

#[tokio::test]
async fn requests_share_a_connection_and_know_their_peer() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/").await.body, "fine");
    assert_eq!(client.get("/client").await.body, "127.0.0.1");
    client
        .send("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /client HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.body, "fine");
    assert_eq!(client.answer().await.body, "127.0.0.1");
}

#[tokio::test]
async fn http_1_0_is_answered_and_closed() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send("GET / HTTP/1.0\r\nhost: a\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "fine"));
    client.assert_closed().await;
}

#[tokio::test]
async fn broken_framing_is_400_and_closed() {
    let server = Server::start().await;
    for (version, headers) in [
        ("1.1", "content-length: 2\r\ncontent-length: 3\r\n"),
        ("1.1", "content-length: 2, 3\r\n"),
        ("1.1", "content-length: +2\r\n"),
        ("1.1", "content-length: -2\r\n"),
        ("1.1", "content-length: 0x2\r\n"),
        ("1.1", "content-length: 99999999999999999999999\r\n"),
        ("1.1", "transfer-encoding: gzip\r\n"),
        ("1.1", "transfer-encoding: chunked, identity\r\n"),
        ("1.0", "transfer-encoding: chunked\r\n"),
        ("1.1", "transfer-encoding : chunked\r\n"),
        ("1.1", "a: b\r\n c: folded\r\n"),
        ("1.1", "no colon\r\n"),
        ("9.9", ""),
    ] {
        let mut client = server.connect().await;
        client
            .send(format!(
                "POST /ignore HTTP/{version}\r\nhost: a\r\n{headers}\r\n[]"
            ))
            .await;
        assert_eq!(client.answer().await.status, 400, "{version} {headers}");
        client.assert_closed().await;
    }
    server.assert_serves().await;
}

/// RFC 9112 section 6.1: chunked counts, and the connection ends with the answer.
#[tokio::test]
async fn both_lengths_smuggle_nothing() {
    let server = Server::start().await;
    let smuggled = "GET /client HTTP/1.1\r\nhost: a\r\n\r\n";
    for lengths in [
        "content-length: 6\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 6\r\n",
    ] {
        let mut client = server.connect().await;
        client.post_head("/read", lengths).await;
        client.send(format!("2\r\n[]\r\n0\r\n\r\n{smuggled}")).await;
        let answer = client.answer().await;
        assert_eq!((answer.status, answer.body.as_str()), (200, "0"));
        assert_eq!(answer.header("connection"), Some("close"));
        client.assert_closed().await;
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_never_taken_for_a_request() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let body = "GET /client HTTP/1.1\r\nhost: a\r\n\r\n";
    client
        .post_head("/ignore", &format!("content-length: {}\r\n", body.len()))
        .await;
    client.send(body).await;
    assert_eq!(client.answer().await.body, "ignored");
    let second = client.get("/").await;
    assert_eq!(second.body, "fine");
    let mut client = server.connect().await;
    client
        .post_head("/ignore", "content-length: 1000\r\n")
        .await;
    assert_eq!(client.answer().await.body, "ignored");
    client.assert_closed().await;
}

#[tokio::test]
async fn chunked_bodies_are_read() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .post_head("/read", "transfer-encoding: chunked\r\n")
        .await;
    client
        .send("3;ext=1\r\n[nu\r\n3\r\nll]\r\n0\r\ntrailer: 1\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.body, "1");
    client
        .post_head("/read", "transfer-encoding: chunked\r\n")
        .await;
    client.send("zz\r\n[]\r\n0\r\n\r\n").await;
    let answer = client.answer().await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.contains("malformed_request"), "{}", answer.body);
    client.assert_closed().await;
}

#[tokio::test]
async fn a_body_is_invited_only_when_it_will_be_read() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client
        .post_head("/read", "expect: 100-continue\r\ncontent-length: 6\r\n")
        .await;
    assert_eq!(client.answer().await.status, 100);
    client.send("[null]").await;
    assert_eq!(client.answer().await.body, "1");
    client
        .post_head("/read", "expect: 100-continue\r\ncontent-length: 4096\r\n")
        .await;
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn odd_targets_and_methods_are_refused_without_a_fault() {
    let server = Server::start().await;
    for target in [
        "*",
        "//",
        "/../../etc/passwd",
        "/%2e%2e/",
        "http://b/x",
        "/a?b#c",
        "/%zz",
    ] {
        let mut client = server.connect().await;
        client
            .send(format!("OPTIONS {target} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        let status = client.answer().await.status;
        assert!((400..500).contains(&status), "{target} {status}");
    }
    for request in [
        "CONNECT b:80 HTTP/1.1",
        "G\u{1}T / HTTP/1.1",
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 x",
    ] {
        let mut client = server.connect().await;
        client.send(format!("{request}\r\nhost: a\r\n\r\n")).await;
        let status = client.answer().await.status;
        assert!((400..500).contains(&status), "{request} {status}");
    }
    let mut client: Client = server.connect().await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert!(
        client
            .try_answer()
            .await
            .is_none_or(|answer| answer.status >= 400)
    );
    client.assert_closed().await;
}
