//! The accept loop: HTTP/1.1 for a router, with a limit on everything that a client can hold.
//!
//! `axum::serve` waits for ever for a slow client. Here
//! - a request's head has to be complete in [`ServerSettings::head_timeout`], which also bounds
//!   how long a connection may idle between requests;
//! - a body has to go on arriving within [`ServerSettings::body_idle_timeout`], and a client has to
//!   go on taking its answer within the same time;
//! - heads are at most [`ServerSettings::max_head_bytes`] long (431 above);
//! - above [`ServerSettings::max_connections`] a connection is refused at once with a 503 and
//!   counted. Waiting instead would only fill the kernel's queue and look like an outage to the
//!   proxy; health checks do not suffer, because they have a listener of their own.
//!
//! Framing is hyper's: two different `Content-Length`, a broken one, a `Transfer-Encoding` that is
//! not `chunked` or that comes with HTTP/1.0 are 400. A request with both headers is read as
//! chunked, its `Content-Length` dropped, and its connection closed after the answer, as RFC 9112
//! section 6.1 asks for, so that nothing can be smuggled behind it.
//!
//! Stopping has two stages. Cancelling `shutdown` closes the listener and every idle connection
//! and lets requests in flight finish; what is still open after
//! [`ServerSettings::drain_timeout`] is cut.

mod accept;
mod connection;
mod stall;

#[cfg(test)]
mod tests;

use std::{io, sync::Arc, time::Duration};

use agent_telemetry::Metrics;
use axum::Router;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use accept::Acceptor;
use connection::Host;

/// Limits of the listener.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// From the connection's start, or the answer before, to the end of a request's head.
    pub head_timeout: Duration,
    /// Longest pause in a body that arrives or an answer that leaves.
    pub body_idle_timeout: Duration,
    /// Longest request line plus headers, in bytes.
    pub max_head_bytes: usize,
    pub max_connections: usize,
    /// How long requests in flight may go on after `shutdown`.
    pub drain_timeout: Duration,
}

/// Serves `router` until `shutdown` and until every connection is done or cut. Handlers find the
/// peer's address as `ConnectInfo<SocketAddr>` in the extensions.
///
/// # Errors
/// The listener cannot accept at all. Failures that pass, such as running out of file
/// descriptors, are waited out.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServerSettings,
    metrics: Arc<Metrics>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let stop = shutdown.child_token();
    let abort = CancellationToken::new();
    let connections = TaskTracker::new();
    let drain_timeout = settings.drain_timeout;
    let acceptor = Acceptor {
        slots: Acceptor::slots(&settings),
        host: Host::new(
            router,
            &settings,
            metrics.clone(),
            stop.clone(),
            abort.clone(),
        ),
        connections: connections.clone(),
        metrics,
    };
    // The listener closes with the loop.
    let ended = stop.run_until_cancelled(acceptor.run(listener)).await;
    stop.cancel();
    connections.close();
    if timeout(drain_timeout, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "cutting connections that did not finish"
        );
        abort.cancel();
        connections.wait().await;
    }
    ended.unwrap_or(Ok(()))
}
