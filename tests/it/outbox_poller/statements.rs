//! What goes to Postgres, counted on the way: the server's own counters also count its upkeep and
//! other connections, which report late.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{self, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

/// A proxy before Postgres that counts completed statements.
pub(super) struct Counting {
    url: String,
    completed: Arc<AtomicU64>,
    serving: JoinHandle<()>,
}

impl Counting {
    pub(super) async fn before(url: &str) -> Self {
        let rest = url.split_once("://").unwrap().1;
        let authority = rest.split('/').next().unwrap();
        let server = authority.rsplit('@').next().unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let completed = Arc::new(AtomicU64::new(0));
        Self {
            url: url.replacen(&server, &address, 1),
            completed: completed.clone(),
            serving: tokio::spawn(serve(listener, server, completed)),
        }
    }

    /// Of the database, through this proxy.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn completed(&self) -> u64 {
        self.completed.load(Ordering::SeqCst)
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, server: String, completed: Arc<AtomicU64>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(&server).await.unwrap();
        client.set_nodelay(true).unwrap();
        let (mut from_client, to_client) = client.into_split();
        let (from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { io::copy(&mut from_client, &mut to_server).await });
        tokio::spawn(count(from_server, to_client, completed.clone()));
    }
}

/// Passes messages on: a byte for the type, four for the length that counts itself, and the rest
/// (PostgreSQL documentation, "Message Formats").
async fn count(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    completed: Arc<AtomicU64>,
) -> io::Result<()> {
    const COMMAND_COMPLETE: u8 = b'C';
    const NO_TLS: u8 = b'N';
    let mut from = BufReader::new(from);
    let mut first = true;
    loop {
        let kind = from.read_u8().await?;
        to.write_u8(kind).await?;
        if std::mem::take(&mut first) && kind == NO_TLS {
            // The answer to the question for TLS is this byte alone.
            continue;
        }
        let length = from.read_u32().await?;
        to.write_u32(length).await?;
        // Before the client learns of it.
        if kind == COMMAND_COMPLETE {
            completed.fetch_add(1, Ordering::SeqCst);
        }
        let mut body = (&mut from).take(u64::from(length) - 4);
        io::copy(&mut body, &mut to).await?;
    }
}
