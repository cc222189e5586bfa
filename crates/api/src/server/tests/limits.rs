//! How much a client can hold, and for how long.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{BODY_TIMEOUT, HEAD_TIMEOUT, REQUEST_TIMEOUT, SLACK, Server, ServerSettings, settings};

#[tokio::test]
async fn a_slow_head_is_cut_while_others_are_served() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\n").await;
    let dripping = async {
        while !client.closes_within(Duration::from_millis(50)).await {
            assert!(began.elapsed() < HEAD_TIMEOUT + SLACK, "still open");
            client.send("x: y\r\n").await;
        }
    };
    tokio::join!(dripping, server.assert_serves());
    assert!(began.elapsed() >= HEAD_TIMEOUT, "{:?}", began.elapsed());
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let server = Server::start().await;
    let mut fresh = server.connect().await;
    let mut used = server.connect().await;
    assert_eq!(used.get("/").await.body, "fine");
    server.assert_connections(2).await;
    let began = Instant::now();
    fresh.assert_closed().await;
    used.assert_closed().await;
    assert!(began.elapsed() < HEAD_TIMEOUT + SLACK);
    server.assert_connections(0).await;
}

#[tokio::test]
async fn a_body_that_stops_is_408_and_cut() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.post_head("/read", "content-length: 100\r\n").await;
    client.send("[").await;
    let began = Instant::now();
    let answer = client.answer().await;
    assert_eq!(
        (answer.status, answer.header("connection")),
        (408, Some("close"))
    );
    assert!(answer.body.contains("request_timeout"), "{}", answer.body);
    assert!(
        began.elapsed() < REQUEST_TIMEOUT,
        "before the deadline of the whole request"
    );
    client.assert_closed().await;
}

#[tokio::test]
async fn a_body_that_drips_is_408_at_the_request_deadline() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.post_head("/read", "content-length: 1000\r\n").await;
    let began = Instant::now();
    while !client.readable_within(Duration::from_millis(50)).await {
        client.send(" ").await;
    }
    assert_eq!(client.answer().await.status, 408);
    let lasted = began.elapsed();
    assert!(
        lasted >= REQUEST_TIMEOUT - BODY_TIMEOUT && lasted < REQUEST_TIMEOUT + SLACK,
        "{lasted:?}"
    );
}

#[tokio::test]
async fn a_long_head_is_431() {
    let server = Server::start().await;
    for head in [
        format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
            "y".repeat(17 * 1024)
        ),
        format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "y".repeat(17 * 1024)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(150)),
    ] {
        let mut client = server.connect().await;
        client.send(head).await;
        assert_eq!(client.answer().await.status, 431);
        client.assert_closed().await;
    }
    let mut client = server.connect().await;
    client
        .send(format!(
            "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
            "y".repeat(15 * 1024)
        ))
        .await;
    assert_eq!(client.answer().await.status, 200);
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_before_it_is_read() {
    let server = Server::start().await;
    for length in ["1025", "9223372036854775807", "18446744073709551613"] {
        let mut client = server.connect().await;
        client
            .post_head("/read", &format!("content-length: {length}\r\n"))
            .await;
        let answer = client.answer().await;
        assert_eq!(
            (answer.status, answer.header("connection")),
            (413, Some("close")),
            "{length}"
        );
        client.assert_closed().await;
    }
    let mut client = server.connect().await;
    client
        .post_head("/read", "transfer-encoding: chunked\r\n")
        .await;
    for _ in 0..100 {
        client
            .send(format!("100\r\n{}\r\n", " ".repeat(0x100)))
            .await;
    }
    assert_eq!(client.answer().await.status, 413);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send("GET /long HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.assert_connections(1).await;
    let began = Instant::now();
    server.assert_connections(0).await;
    assert!(began.elapsed() < BODY_TIMEOUT + SLACK);
    assert!(client.rest().await.len() < super::LONG_ANSWER);
}

#[tokio::test]
async fn a_client_that_takes_slowly_gets_all() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send("GET /long HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(BODY_TIMEOUT / 2).await;
    assert_eq!(client.answer().await.body.len(), super::LONG_ANSWER);
}

#[tokio::test]
async fn connections_over_the_cap_are_refused_at_once() {
    let server = Server::start_with(ServerSettings {
        max_connections: 2,
        head_timeout: Duration::from_secs(20),
        ..settings()
    })
    .await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = server.connect().await;
    let began = Instant::now();
    let refused = third.answer().await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    assert!(began.elapsed() < Duration::from_secs(1));
    third.assert_closed().await;
    assert_eq!(server.metrics.http_connections_refused_total.get(), 1);
    assert_eq!(first.get("/").await.status, 200);
    drop(second);
    server.assert_connections(1).await;
    server.assert_serves().await;
}

#[tokio::test]
async fn a_panic_costs_one_500_and_not_the_connection() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    assert_eq!(client.get("/panics").await.status, 500);
    assert_eq!(client.get("/").await.body, "fine");
    assert_eq!(server.metrics.http_panics_total.get(), 1);
}

#[tokio::test]
async fn a_panic_in_an_answer_costs_its_connection_only() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send("GET /breaks HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let rest = client.rest().await;
    assert!(
        !rest.ends_with("0\r\n\r\n"),
        "an incomplete answer must not look complete: {rest}"
    );
    server.assert_connections(0).await;
    assert_eq!(server.metrics.http_panics_total.get(), 1);
    server.assert_serves().await;
}
