//! Raw sockets against a small router inside the real middleware.

mod client;
mod framing;
mod limits;
mod stopping;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use agent_routes::{
    extract::Valid,
    middleware::{ClientAddr, EdgeSettings, stack},
};
use agent_telemetry::Metrics;
use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use futures_util::stream;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::CancellationToken;

use super::{ServerSettings, serve};
use client::Client;

const HEAD_TIMEOUT: Duration = Duration::from_millis(400);
const BODY_TIMEOUT: Duration = Duration::from_millis(400);
const REQUEST_TIMEOUT: Duration = Duration::from_millis(1500);
/// A timeout plus what a busy machine may add.
const SLACK: Duration = Duration::from_millis(1500);
/// More than the kernel's buffers take.
const LONG_ANSWER: usize = 64 << 20;

struct Server {
    address: SocketAddr,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
    ended: JoinHandle<io::Result<()>>,
}

fn settings() -> ServerSettings {
    ServerSettings {
        head_timeout: HEAD_TIMEOUT,
        body_idle_timeout: BODY_TIMEOUT,
        max_head_bytes: 16 * 1024,
        max_connections: 100,
        drain_timeout: Duration::from_secs(5),
    }
}

impl Server {
    async fn start() -> Self {
        Self::start_with(settings()).await
    }

    async fn start_with(settings: ServerSettings) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::new("agent_service");
        let shutdown = CancellationToken::new();
        let serving = serve(
            listener,
            routes(metrics.clone()),
            settings,
            metrics.clone(),
            shutdown.clone(),
        );
        Self {
            address,
            metrics,
            shutdown,
            ended: tokio::spawn(serving),
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Others are served whatever the test does.
    async fn assert_serves(&self) {
        let mut client = self.connect().await;
        assert_eq!(client.get("/").await.body, "fine");
    }

    async fn assert_connections(&self, open: i64) {
        let until = Instant::now() + SLACK;
        while self.metrics.http_connections.get() != open {
            assert!(
                Instant::now() < until,
                "{}",
                self.metrics.http_connections.get()
            );
            sleep(Duration::from_millis(5)).await;
        }
    }
}

fn routes(metrics: Arc<Metrics>) -> Router {
    let router = Router::new()
        .route("/", get(async || "fine"))
        .route(
            "/client",
            get(async |client: ClientAddr| client.0.to_string()),
        )
        .route(
            "/read",
            post(async |Valid(items): Valid<Vec<()>>| items.len().to_string()),
        )
        .route("/ignore", post(async || "ignored"))
        .route("/slow", get(slow))
        .route("/panics", get(panics))
        .route("/long", get(async || "x".repeat(LONG_ANSWER)))
        .route("/breaks", get(breaks));
    let settings = EdgeSettings {
        request_timeout: REQUEST_TIMEOUT,
        max_body_bytes: 1024,
        trusted_proxies: Vec::new(),
        legacy_prefixes: &[],
    };
    stack(router, settings, metrics)
}

async fn slow() -> &'static str {
    sleep(Duration::from_millis(700)).await;
    "slow"
}

async fn panics() -> &'static str {
    panic!("in a handler")
}

/// Panics while its answer is being sent.
async fn breaks() -> Body {
    let parts = stream::iter([0, 1]);
    Body::from_stream(futures_util::StreamExt::map(parts, |part| match part {
        0 => io::Result::Ok(Bytes::from_static(b"begun")),
        _ => panic!("in a body"),
    }))
}
