//! A TCP proxy before a server, for networks that swallow, reset and refuse.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What the network does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Bytes wait in both directions, and go on when it is fair again. New connections are taken
    /// and then silent.
    BlackHole,
    /// Connections are cut, and new ones as soon as they are made.
    Cut,
}

/// A proxy that lives as long as this value.
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Before the server of a URL such as `redis://127.0.0.1:6379/3`.
    pub async fn before(url: &str) -> Self {
        let target = authority(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let weather = Arc::new(watch::Sender::new(Weather::Fair));
        let serving = tokio::spawn(serve(listener, target, weather.clone()));
        Self {
            address,
            weather,
            serving,
        }
    }

    /// The URL with this proxy in the place of the server.
    #[must_use]
    pub fn url(&self, url: &str) -> String {
        url.replacen(authority(url), &self.address.to_string(), 1)
    }

    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// `127.0.0.1:6379` of `redis://user@127.0.0.1:6379/3`.
fn authority(url: &str) -> &str {
    let (_, rest) = url.split_once("://").expect("a URL");
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

async fn serve(listener: TcpListener, target: String, weather: Arc<watch::Sender<Weather>>) {
    loop {
        // Out of descriptors, perhaps: the next one may fare better.
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let weather = weather.subscribe();
        tokio::spawn(carry(client, target.clone(), weather));
    }
}

async fn carry(client: TcpStream, target: String, weather: watch::Receiver<Weather>) {
    let mut watched = weather.clone();
    let carrying = async {
        fair(&mut weather.clone()).await;
        let Ok(server) = TcpStream::connect(&target).await else {
            return;
        };
        // As quick as without the proxy; where it cannot be set the test is only slower.
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            () = pump(from_client, to_server, weather.clone()) => {}
            () = pump(from_server, to_client, weather.clone()) => {}
        }
    };
    tokio::select! {
        () = carrying => {}
        _ = watched.wait_for(|now| *now == Weather::Cut) => {}
    }
}

/// Waits for fair weather; for ever when the proxy is gone, whose task is then aborted too.
async fn fair(weather: &mut watch::Receiver<Weather>) {
    if weather.wait_for(|now| *now == Weather::Fair).await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let Ok(read @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        fair(&mut weather).await;
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
