//! The listener for operators: `/metrics`, `/health`, `/health/live`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use futures_util::future::BoxFuture;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use crate::{HealthReport, Metrics};

/// More scrapers than any installation has; one that misbehaves cannot use up the descriptors
/// that requests need.
const MAX_CONNECTIONS: usize = 64;
/// Each connection carries one request and is cut after this time.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept: out of descriptors is not cured by asking again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

struct Ops<H> {
    metrics: Arc<Metrics>,
    health: H,
}

/// Serves until `shutdown`, then closes what is still open. `health` is asked once per request to
/// `/health`, so it should be quick or cached.
pub async fn serve<H>(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    health: H,
    shutdown: CancellationToken,
) where
    H: Fn() -> BoxFuture<'static, HealthReport> + Send + Sync + 'static,
{
    let tolerated = metrics.tolerated_errors_total.clone();
    let router = router(Ops { metrics, health });
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                connections.spawn(connection(stream, router.clone()));
            }
            Ok(_) => tolerated
                .with_label_values(&["ops_connection_refused"])
                .inc(),
            Err(error) => {
                tolerated.with_label_values(&["ops_accept"]).inc();
                tracing::warn!(%error, "the ops listener could not accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    connections.shutdown().await;
}

fn router<H>(ops: Ops<H>) -> Router
where
    H: Fn() -> BoxFuture<'static, HealthReport> + Send + Sync + 'static,
{
    Router::new()
        .route("/metrics", get(metrics))
        .route("/health", get(health))
        .route("/health/live", get(live))
        .with_state(Arc::new(ops))
}

async fn connection(stream: TcpStream, router: Router) {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // A scraper that hangs up or is too slow is its own problem, and nothing to log.
    let _ = timeout(CONNECTION_TIMEOUT, serving).await;
}

async fn metrics<H>(State(ops): State<Arc<Ops<H>>>) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (content_type, ops.metrics.render()).into_response()
}

async fn health<H>(State(ops): State<Arc<Ops<H>>>) -> Response
where
    H: Fn() -> BoxFuture<'static, HealthReport>,
{
    let report = (ops.health)().await;
    let status = if report.healthy() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let headers = [(header::CACHE_CONTROL, "no-store")];
    (status, headers, Json(report)).into_response()
}

async fn live() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, r#"{"status":"ok"}"#).into_response()
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, time::Instant};

    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        task::JoinHandle,
    };

    use super::*;
    use crate::CheckState;

    async fn start(state: CheckState) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let health = move || -> BoxFuture<'static, HealthReport> {
            Box::pin(async move { HealthReport::new("agent_worker").with("redis", state) })
        };
        let metrics = Metrics::new("agent_worker");
        let serving = tokio::spawn(serve(listener, metrics, health, shutdown.clone()));
        (address, shutdown, serving)
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: ops\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn p093_p094_health_says_200_or_503() {
        let (healthy, ..) = start(CheckState::Degraded).await;
        let answer = get(healthy, "/health").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        assert!(answer.contains(r#""status":"degraded""#), "{answer}");
        let (broken, ..) = start(CheckState::Unhealthy).await;
        let answer = get(broken, "/health").await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains(r#""redis":"unhealthy""#), "{answer}");
        let answer = get(broken, "/health/live").await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text() {
        let (address, ..) = start(CheckState::Ok).await;
        let answer = get(address, "/metrics").await;
        assert!(
            answer.contains("content-type: text/plain; version=0.0.4\r\n"),
            "{answer}"
        );
        assert!(
            answer.contains("process_open_fds{service=\"agent_worker\"}"),
            "{answer}"
        );
        assert!(get(address, "/else").await.starts_with("HTTP/1.1 404 "));
    }

    #[tokio::test]
    async fn silent_connections_neither_block_others_nor_the_shutdown() {
        let (address, shutdown, serving) = start(CheckState::Ok).await;
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS - 1 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        assert!(get(address, "/health").await.starts_with("HTTP/1.1 200 "));
        let started = Instant::now();
        shutdown.cancel();
        serving.await.unwrap();
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test]
    async fn connections_above_the_cap_are_closed() {
        let (address, ..) = start(CheckState::Ok).await;
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut refused = TcpStream::connect(address).await.unwrap();
        let read = timeout(Duration::from_secs(2), refused.read(&mut [0; 1])).await;
        assert_eq!(read.unwrap().unwrap_or(0), 0);
    }

    #[tokio::test]
    #[ignore = "body of running_out_of_descriptors_is_survived, which limits them to 64"]
    async fn run_out_of_descriptors() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Metrics::new("agent_worker");
        let failures = metrics
            .tolerated_errors_total
            .with_label_values(&["ops_accept"]);
        let health = || -> BoxFuture<'static, HealthReport> {
            Box::pin(async { HealthReport::new("agent_worker") })
        };
        tokio::spawn(serve(listener, metrics, health, CancellationToken::new()));
        let client = tokio::net::TcpSocket::new_v4().unwrap();
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        let mut stream = client.connect(address).await.unwrap();
        while failures.get() == 0 {
            sleep(Duration::from_millis(5)).await;
        }
        drop(files);
        let request = b"GET /health/live HTTP/1.1\r\nhost: ops\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with(r#"{"status":"ok"}"#), "{answer}");
    }

    #[test]
    fn running_out_of_descriptors_is_survived() {
        let status = std::process::Command::new("sh")
            .args(["-c", r#"ulimit -n 64 && exec "$0" "$@""#])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "ops::tests::run_out_of_descriptors", "--ignored"])
            .status()
            .unwrap();
        assert!(status.success());
    }
}
