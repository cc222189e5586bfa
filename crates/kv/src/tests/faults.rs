use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::server::{OwnServer, RESPONSE_TIMEOUT, open, raw, until_up};
use crate::{Kv, KvError, KvSettings};

/// Each of many parallel commands fails, and does so within a second.
async fn assert_fails_fast(kv: &Kv, commands: usize) {
    let mut running = JoinSet::new();
    for _ in 0..commands {
        let kv = kv.clone();
        running.spawn(async move {
            let since = Instant::now();
            let error = kv.ping().await.unwrap_err();
            assert!(error.is_connection(), "{error:?}");
            since.elapsed()
        });
    }
    let slowest = running.join_all().await.into_iter().max().unwrap();
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test]
async fn opening_does_not_need_redis() {
    let mut server = OwnServer::start();
    server.stop();
    let kv = open(&server.url());
    assert_fails_fast(&kv, 50).await;
    server.boot();
    until_up(&kv).await;
}

#[tokio::test]
async fn a_stopped_redis_fails_commands_at_once_and_a_started_one_is_found() {
    let mut server = OwnServer::start();
    let kv = open(&server.url());
    for _ in 0..2 {
        until_up(&kv).await;
        server.stop();
        assert_fails_fast(&kv, 50).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_fails_fast(&kv, 50).await;
        server.boot();
        let took = until_up(&kv).await;
        assert!(took < Duration::from_millis(1_500), "{took:?}");
    }
}

#[tokio::test]
async fn a_restart_between_two_commands_costs_no_error() {
    let mut server = OwnServer::start();
    let kv = open(&server.url());
    assert_eq!(kv.ping().await, Ok(()));
    server.stop();
    server.boot();
    // The news that the connection was closed needs a moment to be read.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(kv.ping().await, Ok(()));
}

#[tokio::test]
async fn a_silent_redis_fails_commands_within_a_second_and_is_found_when_it_speaks() {
    let server = OwnServer::start();
    let kv = open(&server.url());
    assert_eq!(kv.ping().await, Ok(()));
    server.freeze();
    let silent = Instant::now();
    assert_eq!(kv.ping().await, Err(KvError::Timeout));
    assert!(silent.elapsed() >= RESPONSE_TIMEOUT);
    for _ in 0..5 {
        assert_fails_fast(&kv, 20).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    server.thaw();
    let took = until_up(&kv).await;
    assert!(took < Duration::from_millis(1_500), "{took:?}");
}

#[tokio::test]
async fn many_callers_make_one_connection() {
    let server = OwnServer::start();
    let kv = open(&server.url());
    let mut running = JoinSet::new();
    for _ in 0..200 {
        let kv = kv.clone();
        running.spawn(async move { kv.ping().await });
    }
    assert!(running.join_all().await.iter().all(Result::is_ok));
    let mut raw = raw(&server.url()).await;
    let list: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query_async(&mut raw)
        .await
        .unwrap();
    assert_eq!(list.lines().count(), 2, "{list}");
}

#[test]
fn errors_show_neither_address_nor_password() {
    let settings = |url: &str| KvSettings {
        url: url.to_owned(),
        channel_prefix: String::new(),
        response_timeout: RESPONSE_TIMEOUT,
    };
    for url in [
        "",
        "nonsense s3cret",
        "http://user:s3cret@host/",
        "redis://user:s3cret@host/not-a-number",
        "redis://user:s3cret@:99999/",
    ] {
        let error = Kv::open(settings(url)).err().unwrap();
        assert_eq!(error, KvError::Settings, "{url}");
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn a_refused_password_is_connection_trouble_that_quotes_nothing() {
    let server = OwnServer::start();
    let url = server.url().replace("redis://", "redis://user:s3cret@");
    let error = open(&url).ping().await.unwrap_err();
    assert!(error.is_connection(), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}
