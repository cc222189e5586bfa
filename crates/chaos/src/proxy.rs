//! A TCP proxy before a server, for networks that delay, swallow, reset and refuse.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::JoinHandle,
};

use crate::dice::Dice;

/// Connections that wait to be taken.
const BACKLOG: u32 = 1_024;

/// What the network does now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Fair,
    /// Bytes wait in both directions, and go on when that is over. New connections are taken and
    /// then silent.
    BlackHole,
    /// Connections are closed, and new ones as soon as they are made.
    Cut,
    /// As [`Self::Cut`], by a reset.
    Reset,
    /// Connections are closed, and new ones refused: nothing listens.
    Refuse,
    /// Every piece of a stream waits for this time, and for up to as long again by chance.
    Slow(Duration),
    /// Each connection is reset after some bytes, at most so many, in the middle of whatever it
    /// says.
    CutAfter(u64),
}

impl Weather {
    fn ends_connections(self) -> bool {
        matches!(self, Self::Cut | Self::Reset | Self::Refuse)
    }
}

/// A proxy that lives as long as this value.
pub struct Proxy {
    address: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    serving: JoinHandle<()>,
}

impl Proxy {
    /// Before the server of a URL such as `redis://127.0.0.1:6379/3`.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn before(url: &str) -> io::Result<Self> {
        Self::seeded(url, 0).await
    }

    /// As [`Self::before`]; what is left to chance follows from the seed.
    ///
    /// # Errors
    /// There is no free port.
    pub async fn seeded(url: &str, seed: u64) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let route = Arc::new(Route {
            target: authority(url).to_owned(),
            weather: Arc::new(watch::Sender::new(Weather::Fair)),
            dice: Mutex::new(Dice::of(seed, "proxy")),
        });
        Ok(Self {
            address,
            weather: route.weather.clone(),
            serving: tokio::spawn(serve(listener, route)),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
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
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or(rest);
    authority.rsplit('@').next().unwrap_or(authority)
}

/// What all connections of a proxy share.
struct Route {
    target: String,
    weather: Arc<watch::Sender<Weather>>,
    dice: Mutex<Dice>,
}

impl Route {
    fn between(&self, least: u64, most: u64) -> u64 {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        dice.between(least, most)
    }
}

async fn serve(mut listener: TcpListener, route: Arc<Route>) {
    let mut weather = route.weather.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            refused = wait(&mut weather, |now| now == Weather::Refuse) => {
                if !refused {
                    return;
                }
                listener = refuse(listener, &mut weather).await;
                continue;
            }
        };
        // Out of descriptors, perhaps: the next one may fare better.
        let Ok((client, _)) = accepted else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(carry(client, route.clone()));
    }
}

/// Stops listening until the weather is another one. A socket that is bound but does not listen
/// keeps the port from being given to somebody else.
async fn refuse(listener: TcpListener, weather: &mut watch::Receiver<Weather>) -> TcpListener {
    let address = listener.local_addr();
    drop(listener);
    let place = loop {
        match address.as_ref().map_or(None, |address| hold(*address).ok()) {
            Some(place) => break place,
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    wait(weather, |now| now != Weather::Refuse).await;
    match place.listen(BACKLOG) {
        Ok(listener) => listener,
        // It was bound to the port all the time, so this does not happen; nobody would be served.
        Err(_) => std::future::pending().await,
    }
}

fn hold(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// Waits for a weather; tells whether the proxy is still there.
async fn wait(weather: &mut watch::Receiver<Weather>, wanted: impl Fn(Weather) -> bool) -> bool {
    weather.wait_for(|now| wanted(*now)).await.is_ok()
}

async fn carry(mut client: TcpStream, route: Arc<Route>) {
    let mut weather = route.weather.subscribe();
    let mut watched = weather.clone();
    let connecting = async {
        passable(&mut weather).await;
        TcpStream::connect(&route.target).await
    };
    let server = tokio::select! {
        server = connecting => server,
        _ = wait(&mut watched, Weather::ends_connections) => return end(&client, &watched),
    };
    let Ok(mut server) = server else {
        return;
    };
    // As quick as without the proxy; where it cannot be set all is only slower.
    client.set_nodelay(true).ok();
    server.set_nodelay(true).ok();
    let stream = Stream {
        route: &route,
        left: Mutex::new(None),
    };
    let cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            cut = stream.pump(from_client, to_server) => cut,
            cut = stream.pump(from_server, to_client) => cut,
            _ = wait(&mut watched, Weather::ends_connections) => false,
        }
    };
    if cut {
        reset(&client);
        reset(&server);
    } else {
        end(&client, &watched);
        end(&server, &watched);
    }
}

/// The socket is closed when it is dropped: by a reset if that is the weather.
fn end(socket: &TcpStream, weather: &watch::Receiver<Weather>) {
    if *weather.borrow() == Weather::Reset {
        reset(socket);
    }
}

fn reset(socket: &TcpStream) {
    // Where it cannot be set the connection is closed, which is a fault as well.
    socket.set_zero_linger().ok();
}

/// Waits until bytes may pass; for ever when the proxy is gone, whose tasks then end.
async fn passable(weather: &mut watch::Receiver<Weather>) {
    if !wait(weather, |now| now != Weather::BlackHole).await {
        std::future::pending::<()>().await;
    }
}

/// One connection, in both directions.
struct Stream<'a> {
    route: &'a Route,
    /// Bytes until it is cut, once that has been decided.
    left: Mutex<Option<u64>>,
}

impl Stream<'_> {
    /// Carries bytes until one side is closed; tells whether it is to be reset.
    async fn pump(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> bool {
        let mut weather = self.route.weather.subscribe();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let Ok(read @ 1..) = from.read(&mut buffer).await else {
                return false;
            };
            passable(&mut weather).await;
            let now = *weather.borrow();
            if let Weather::Slow(time) = now {
                let most = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
                let more = Duration::from_millis(self.route.between(0, most));
                tokio::time::sleep(time + more).await;
            }
            let passing = self.passing(now, read);
            if to.write_all(&buffer[..passing]).await.is_err() {
                return false;
            }
            if passing < read {
                return true;
            }
        }
    }

    /// How many of some bytes pass before the connection is cut.
    fn passing(&self, now: Weather, read: usize) -> usize {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Weather::CutAfter(most) = now else {
            *left = None;
            return read;
        };
        let before = left.unwrap_or_else(|| self.route.between(0, most));
        *left = Some(before.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX)));
        usize::try_from(before).map_or(read, |before| before.min(read))
    }
}

#[cfg(test)]
mod tests;
