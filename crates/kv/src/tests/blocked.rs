//! Servers and networks that misbehave in ways which a real Redis cannot be told to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::timeout,
};

use super::server::{OwnServer, open, until_up};
use crate::KvError;

/// Speaks as much of the protocol as a ping needs, and while `loading` answers what Redis does
/// that still reads its data from disk. Gives its port and counts connections.
async fn server(loading: Arc<AtomicBool>, connections: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.fetch_add(1, Relaxed);
            let loading = Arc::clone(&loading);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    let commands = text.lines().filter(|line| line.starts_with('*'));
                    let answer = if loading.load(Relaxed) {
                        "-LOADING Redis is loading the dataset in memory\r\n"
                    } else {
                        "+PONG\r\n"
                    };
                    let answers = answer.repeat(commands.count());
                    if stream.write_all(answers.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn a_redis_that_loads_its_data_is_found_when_it_is_done() {
    let loading = Arc::new(AtomicBool::new(true));
    let connections = Arc::new(AtomicUsize::new(0));
    let port = server(Arc::clone(&loading), Arc::clone(&connections)).await;
    let kv = open(&format!("redis://127.0.0.1:{port}/1"));
    for _ in 0..300 {
        let error = kv.ping().await.unwrap_err();
        assert_eq!(error, KvError::Connection("LOADING".to_owned()));
    }
    // No storm: most of the commands failed without an attempt to connect.
    let attempts = connections.load(Relaxed);
    assert!((1..=10).contains(&attempts), "{attempts}");
    loading.store(false, Relaxed);
    until_up(&kv).await;
}

/// Passes connections on to a server until told to stop; then the open ones stay open and carry
/// nothing any more, and new ones work: a firewall that was restarted.
async fn forgetful_network(to: String, mut forget: watch::Receiver<u32>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            forget.mark_unchanged();
            let (mut forget, to) = (forget.clone(), to.clone());
            tokio::spawn(async move {
                let mut far = TcpStream::connect(to).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut near, &mut far) => return,
                    _ = forget.changed() => {}
                }
                std::future::pending::<()>().await;
            });
        }
    });
    port
}

#[tokio::test]
async fn a_connection_that_carries_nothing_any_more_is_replaced() {
    let server = OwnServer::start();
    let address = server.url().replace("redis://", "").replace("/1", "");
    let (forget, forgotten) = watch::channel(0);
    let port = forgetful_network(address, forgotten).await;
    let kv = open(&format!("redis://127.0.0.1:{port}/1"));
    for round in 1..=2 {
        assert_eq!(kv.ping().await, Ok(()));
        forget.send(round).unwrap();
        assert_eq!(kv.ping().await, Err(KvError::Timeout));
    }
    assert_eq!(kv.ping().await, Ok(()));
}

#[tokio::test]
async fn callers_who_wait_for_one_attempt_share_its_failure() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let kv = open(&format!("redis://{}/1", silent.local_addr().unwrap()));
    let mut commands = JoinSet::new();
    for _ in 0..20 {
        let kv = kv.clone();
        commands.spawn(async move { kv.ping().await });
    }
    let first = silent.accept().await.unwrap();
    let outcomes = commands.join_all().await;
    assert_eq!(outcomes, [const { Err(KvError::Timeout) }; 20]);
    let second = timeout(Duration::from_millis(100), silent.accept()).await;
    assert!(second.is_err());
    drop(first);
}
