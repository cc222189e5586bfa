//! One connection from accept to close.

use std::{
    convert::Infallible, net::SocketAddr, panic::AssertUnwindSafe, pin::pin, sync::Arc,
    time::Duration,
};

use agent_telemetry::Metrics;
use axum::{Router, body::Body, extract::ConnectInfo, response::Response};
use futures_util::FutureExt;
use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::timeout::TimeoutBody;

use super::{ServerSettings, stall::StallGuard};

/// Most that hyper reads ahead or holds back per connection, in bytes.
const BUFFER: usize = 64 * 1024;

/// What every connection is served with.
#[derive(Clone)]
pub(super) struct Host {
    http: http1::Builder,
    router: Router,
    idle: Duration,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    abort: CancellationToken,
}

impl Host {
    pub(super) fn new(
        router: Router,
        settings: &ServerSettings,
        metrics: Arc<Metrics>,
        stop: CancellationToken,
        abort: CancellationToken,
    ) -> Self {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(settings.head_timeout)
            .max_header_size(settings.max_head_bytes)
            .max_buf_size(BUFFER.max(settings.max_head_bytes));
        Self {
            http,
            router,
            idle: settings.body_idle_timeout,
            metrics,
            stop,
            abort,
        }
    }

    /// Serves until the client leaves, a limit is broken or the server stops.
    pub(super) fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
    ) -> impl Future<Output = ()> + Send + 'static {
        let host = self.clone();
        async move {
            let _open = Open::count(host.metrics.clone());
            let metrics = host.metrics.clone();
            // Handlers' panics are caught by the router. This one came from a body that was
            // being sent: the answer is lost, the server is not.
            if AssertUnwindSafe(host.run(stream, peer))
                .catch_unwind()
                .await
                .is_err()
            {
                metrics.http_panics_total.inc();
            }
        }
    }

    async fn run(self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "the connection was gone before it was served");
            return;
        }
        let io = TokioIo::new(StallGuard::new(stream, self.idle));
        let service = service_fn(|request| self.answer(request, peer));
        let mut connection = pin!(self.http.serve_connection(io, service));
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = self.stop.cancelled() => None,
        };
        let ended = match ended {
            Some(ended) => Some(ended),
            None => {
                connection.as_mut().graceful_shutdown();
                self.abort.run_until_cancelled(connection).await
            }
        };
        if let Some(Err(error)) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Result<Response, Infallible> {
        let mut request = request.map(|body| Body::new(TimeoutBody::new(self.idle, body)));
        request.extensions_mut().insert(ConnectInfo(peer));
        self.router.clone().oneshot(request).await
    }
}

/// Counts a connection as open while it exists.
struct Open(Arc<Metrics>);

impl Open {
    fn count(metrics: Arc<Metrics>) -> Self {
        metrics.http_connections.inc();
        Self(metrics)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.http_connections.dec();
    }
}
