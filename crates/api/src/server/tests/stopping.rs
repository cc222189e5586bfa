//! The two stages of a stop, and an accept that fails.

use std::{io, net::SocketAddr, sync::Arc, time::Duration, vec};

use agent_telemetry::Metrics;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{Instant, sleep},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Client, Server, ServerSettings, routes, settings};
use crate::server::{
    accept::{Acceptor, Listen},
    connection::Host,
};

#[tokio::test]
async fn a_stop_lets_requests_finish_and_closes_idle_connections() {
    let server = Server::start_with(ServerSettings {
        head_timeout: Duration::from_secs(20),
        ..settings()
    })
    .await;
    let mut fresh = server.connect().await;
    let mut idle = server.connect().await;
    assert_eq!(idle.get("/").await.body, "fine");
    let mut busy = server.connect().await;
    busy.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.assert_connections(3).await;
    sleep(Duration::from_millis(100)).await;

    let began = Instant::now();
    server.shutdown.cancel();
    fresh.assert_closed().await;
    idle.assert_closed().await;
    assert!(
        began.elapsed() < Duration::from_millis(400),
        "idle connections close at once"
    );
    assert!(TcpStream::connect(server.address).await.is_err());
    let answer = busy.answer().await;
    assert_eq!(
        (answer.body.as_str(), answer.header("connection")),
        ("slow", Some("close"))
    );
    busy.assert_closed().await;
    server.ended.await.unwrap().unwrap();
    assert_eq!(server.metrics.http_connections.get(), 0);
}

#[tokio::test]
async fn what_does_not_finish_is_cut_after_the_drain_timeout() {
    let server = Server::start_with(ServerSettings {
        drain_timeout: Duration::from_millis(200),
        ..settings()
    })
    .await;
    let mut busy = server.connect().await;
    busy.send("GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await;
    server.assert_connections(1).await;
    sleep(Duration::from_millis(100)).await;
    let began = Instant::now();
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
    let lasted = began.elapsed();
    assert!(
        lasted >= Duration::from_millis(200) && lasted < Duration::from_millis(500),
        "{lasted:?}"
    );
    busy.assert_closed().await;
}

#[tokio::test]
async fn a_stop_before_the_first_connection_ends_at_once() {
    let server = Server::start().await;
    server.shutdown.cancel();
    server.ended.await.unwrap().unwrap();
}

/// Fails first, then accepts.
struct Failing {
    failures: vec::IntoIter<io::Error>,
    listener: TcpListener,
}

impl Listen for Failing {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        match self.failures.next() {
            Some(error) => Err(error),
            None => self.listener.accept().await,
        }
    }
}

/// How long the accept loop takes to serve one client over such a listener.
async fn accept_after(failures: Vec<io::Error>) -> (Duration, io::Result<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let metrics = Metrics::new("agent_service");
    let abort = CancellationToken::new();
    let acceptor = Acceptor {
        slots: Acceptor::slots(&settings()),
        host: Host::new(
            routes(metrics.clone()),
            &settings(),
            Arc::clone(&metrics),
            abort.clone(),
            abort,
        ),
        connections: TaskTracker::new(),
        metrics,
    };
    let accepting = acceptor.run(Failing {
        failures: failures.into_iter(),
        listener,
    });
    let began = Instant::now();
    let served = async {
        let mut client = Client::connect(address).await;
        assert_eq!(client.get("/").await.body, "fine");
    };
    let ended = tokio::select! {
        ended = accepting => ended,
        () = served => Ok(()),
    };
    (began.elapsed(), ended)
}

#[tokio::test]
async fn failures_to_accept_are_survived() {
    const EMFILE: i32 = 24;
    let (lasted, ended) = accept_after(vec![
        io::ErrorKind::ConnectionAborted.into(),
        io::Error::from_raw_os_error(EMFILE),
        io::Error::from_raw_os_error(EMFILE),
    ])
    .await;
    ended.unwrap();
    assert!(
        lasted >= Duration::from_millis(200),
        "no busy loop: {lasted:?}"
    );
}

#[tokio::test]
async fn a_listener_that_cannot_listen_is_an_error() {
    let (_, ended) = accept_after(vec![io::ErrorKind::InvalidInput.into()]).await;
    assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}
