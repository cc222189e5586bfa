use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use tokio::{
    sync::mpsc::{self, Receiver},
    task::JoinHandle,
    time::timeout,
};

use super::server::{OwnServer, database, open};
use crate::{Channel, Kv, Signal};

fn listen(kv: &Kv) -> (Receiver<Signal>, JoinHandle<()>) {
    let (sender, receiver) = mpsc::channel(16);
    let kv = kv.clone();
    let task = tokio::spawn(async move {
        let channels = [Channel::BrandChanged, Channel::OutboxWake];
        kv.subscribe(&channels, sender).await;
    });
    (receiver, task)
}

async fn next(signals: &mut Receiver<Signal>) -> Signal {
    let signal = timeout(Duration::from_secs(15), signals.recv()).await;
    signal.expect("a signal in time").unwrap()
}

fn message(channel: Channel, payload: &str) -> Signal {
    Signal::Message {
        channel,
        payload: payload.to_owned(),
    }
}

/// Closes the listening connections of one database, as `CLIENT KILL TYPE pubsub` would those of
/// the whole server, which other tests use.
async fn kill_listeners(raw: &mut MultiplexedConnection, database: u32) -> usize {
    let list: String = redis::cmd("CLIENT")
        .arg("LIST")
        .arg("TYPE")
        .arg("pubsub")
        .query_async(raw)
        .await
        .unwrap();
    let field = |line: &str, name: &str| {
        let value = line.split(' ').find_map(|part| part.strip_prefix(name));
        value.unwrap().to_owned()
    };
    let mut killed = 0;
    for line in list.lines() {
        if field(line, "db=") == database.to_string() {
            let () = redis::cmd("CLIENT")
                .arg("KILL")
                .arg("ID")
                .arg(field(line, "id="))
                .query_async(raw)
                .await
                .unwrap();
            killed += 1;
        }
    }
    killed
}

#[tokio::test]
async fn q94_q98_signals_arrive_with_their_channel() {
    let database = database().await;
    let (mut signals, _task) = listen(&database.kv);
    assert_eq!(next(&mut signals).await, Signal::Connected);
    let kv = &database.kv;
    assert_eq!(kv.publish(Channel::BrandChanged, "17").await, Ok(1));
    assert_eq!(kv.publish(Channel::OutboxWake, "").await, Ok(1));
    assert_eq!(
        next(&mut signals).await,
        message(Channel::BrandChanged, "17")
    );
    assert_eq!(next(&mut signals).await, message(Channel::OutboxWake, ""));
}

#[tokio::test]
async fn another_prefix_is_another_channel() {
    let database = database().await;
    let (mut signals, _task) = listen(&database.kv);
    assert_eq!(next(&mut signals).await, Signal::Connected);
    let stranger = open(&database.url);
    assert_eq!(stranger.publish(Channel::BrandChanged, "1").await, Ok(0));
}

#[tokio::test]
async fn a_killed_connection_is_told_and_made_again() {
    let mut database = database().await;
    let (mut signals, _task) = listen(&database.kv);
    for round in 0..3 {
        assert_eq!(next(&mut signals).await, Signal::Connected);
        let payload = round.to_string();
        let sent = database.kv.publish(Channel::BrandChanged, &payload).await;
        assert_eq!(sent, Ok(1));
        let expected = message(Channel::BrandChanged, &payload);
        assert_eq!(next(&mut signals).await, expected);
        let killed = kill_listeners(&mut database.raw, database.number).await;
        assert_eq!(killed, 1);
        let since = Instant::now();
        assert_eq!(next(&mut signals).await, Signal::Disconnected);
        assert!(since.elapsed() < Duration::from_secs(1));
    }
    assert_eq!(next(&mut signals).await, Signal::Connected);
}

#[tokio::test]
async fn listening_begins_when_redis_does_and_outlives_a_restart() {
    let mut server = OwnServer::start();
    server.stop();
    let kv = open(&server.url());
    let (mut signals, _task) = listen(&kv);
    assert_eq!(next(&mut signals).await, Signal::Disconnected);
    // Away for a while: told once.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(signals.try_recv().is_err());
    for _ in 0..2 {
        server.boot();
        let since = Instant::now();
        assert_eq!(next(&mut signals).await, Signal::Connected);
        assert!(since.elapsed() < Duration::from_secs(2));
        server.stop();
        assert_eq!(next(&mut signals).await, Signal::Disconnected);
    }
}

#[tokio::test]
async fn a_silent_server_is_noticed() {
    let server = OwnServer::start();
    let kv = open(&server.url());
    let (mut signals, _task) = listen(&kv);
    assert_eq!(next(&mut signals).await, Signal::Connected);
    // Not while the first question for a sign of life is under way.
    tokio::time::sleep(Duration::from_millis(300)).await;
    server.freeze();
    let since = Instant::now();
    assert_eq!(next(&mut signals).await, Signal::Disconnected);
    assert!(since.elapsed() < Duration::from_secs(7));
    server.thaw();
    assert_eq!(next(&mut signals).await, Signal::Connected);
}

#[tokio::test]
async fn listening_ends_with_its_receiver() {
    let database = database().await;
    let (mut signals, task) = listen(&database.kv);
    assert_eq!(next(&mut signals).await, Signal::Connected);
    drop(signals);
    timeout(Duration::from_secs(1), task)
        .await
        .unwrap()
        .unwrap();
}
