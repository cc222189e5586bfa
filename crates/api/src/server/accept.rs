//! Takes connections from the listener, or refuses them.

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use agent_telemetry::Metrics;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::sleep,
};
use tokio_util::task::TaskTracker;

use super::{ServerSettings, connection::Host};

/// Pause after a failed accept: out of descriptors is not cured by asking again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// Where connections come from; tests have one that fails.
pub(super) trait Listen {
    fn accept(&mut self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + Send;
}

impl Listen for TcpListener {
    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        Self::accept(self).await
    }
}

pub(super) struct Acceptor {
    pub(super) slots: Arc<Semaphore>,
    pub(super) host: Host,
    pub(super) connections: TaskTracker,
    pub(super) metrics: Arc<Metrics>,
}

impl Acceptor {
    pub(super) fn slots(settings: &ServerSettings) -> Arc<Semaphore> {
        Arc::new(Semaphore::new(settings.max_connections))
    }

    /// Ends only with an error that asking again cannot cure.
    pub(super) async fn run(self, mut listener: impl Listen) -> io::Result<()> {
        loop {
            let (stream, peer) = next(&mut listener).await?;
            match self.slots.clone().try_acquire_owned() {
                Ok(slot) => self.serve(stream, peer, slot),
                Err(_) => self.refuse(stream),
            }
        }
    }

    fn serve(&self, stream: TcpStream, peer: SocketAddr, slot: OwnedSemaphorePermit) {
        let serving = self.host.serve(stream, peer);
        self.connections.spawn(async move {
            serving.await;
            drop(slot);
        });
    }

    fn refuse(&self, stream: TcpStream) {
        self.metrics.http_connections_refused_total.inc();
        // The answer is a courtesy: whoever cannot take it at once sees a closed connection.
        let said = stream
            .into_std()
            .and_then(|mut stream| stream.write(REFUSAL));
        if let Err(error) = said {
            tracing::debug!(%error, "a refusal was not delivered");
        }
    }
}

/// The next connection, whatever happens in between.
async fn next(listener: &mut impl Listen) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(error) => error,
        };
        match error.kind() {
            // The client was gone before it was served.
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted => {}
            // The socket does not listen.
            io::ErrorKind::InvalidInput => return Err(error),
            _ => {
                tracing::error!(%error, "a connection could not be accepted");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
