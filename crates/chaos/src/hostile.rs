//! Clients that mean no good: slow ones, liars, and those that break the framing.

use std::{fmt, net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    journal::Rule,
    stage::{Stage, world::HOST},
};

/// A kind of ill will.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    SilentSockets,
    SlowHeads,
    SlowBodies,
    LyingLengths,
    LargeBodies,
    BrokenFraming,
    DeepJson,
}

impl Attack {
    pub(crate) const ALL: [Self; 7] = [
        Self::SilentSockets,
        Self::SlowHeads,
        Self::SlowBodies,
        Self::LyingLengths,
        Self::LargeBodies,
        Self::BrokenFraming,
        Self::DeepJson,
    ];

    /// Those that hold connections open.
    pub(crate) const SLOW: [Self; 3] = [Self::SilentSockets, Self::SlowHeads, Self::SlowBodies];
    /// Those that are over at once.
    pub(crate) const QUICK: [Self; 4] = [
        Self::LyingLengths,
        Self::LargeBodies,
        Self::BrokenFraming,
        Self::DeepJson,
    ];
}

impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SilentSockets => "silent sockets",
            Self::SlowHeads => "slow heads",
            Self::SlowBodies => "slow bodies",
            Self::LyingLengths => "lying lengths",
            Self::LargeBodies => "large bodies",
            Self::BrokenFraming => "broken framing",
            Self::DeepJson => "deep JSON",
        })
    }
}

/// The API's limits on heads, bodies and requests are 5 s, 5 s and 15 s; the rest is for a busy
/// machine.
const CUT_WITHIN: Duration = Duration::from_secs(45);
/// A slow client sends a byte this often.
const DRIP: Duration = Duration::from_millis(700);
const LARGE: usize = 4 * 1024 * 1024;
const LOGIN: &str =
    "POST /agent/login HTTP/1.1\r\nHost: chaos.test\r\nContent-Type: application/json\r\n";

/// How the API got rid of a client.
enum Fate {
    /// It was answered.
    Answered(u16),
    /// The connection was closed without an answer, or never made.
    Closed,
    /// It was still there after all limits.
    Kept,
}

/// Many clients of one kind at once; waits for all of them.
pub(crate) async fn wave(stage: &Stage, attack: Attack, clients: usize) {
    let address = stage.api_address();
    let fates = join_all((0..clients).map(|number| strike(address, attack, number))).await;
    for fate in fates {
        match fate {
            Fate::Answered(status) if status >= 500 && status != 503 => {
                let text = format!("{attack} were answered {status}");
                stage.journal.broken(Rule::NoServerError, text);
            }
            Fate::Answered(200) => {
                let text = format!("{attack} were answered 200");
                stage.journal.broken(Rule::OthersAreServed, text);
            }
            Fate::Kept => {
                let text = format!("a client with {attack} was not cut off");
                stage.journal.broken(Rule::OthersAreServed, text);
            }
            Fate::Answered(_) | Fate::Closed => {}
        }
    }
}

async fn strike(address: SocketAddr, attack: Attack, number: usize) -> Fate {
    let Ok(Ok(mut stream)) = tokio::time::timeout(CUT_WITHIN, TcpStream::connect(address)).await
    else {
        return Fate::Closed;
    };
    let striking = async {
        match attack {
            Attack::SilentSockets => silent(&mut stream).await,
            Attack::SlowHeads => {
                drip(
                    &mut stream,
                    "GET /health/live HTTP/1.1\r\nHost: chaos.test\r\nX-Slow: ",
                    "x",
                )
                .await
            }
            Attack::SlowBodies => {
                // Many small pieces would keep a body alive for long: the request has a limit too.
                let head = format!("{LOGIN}Content-Length: 1000\r\n\r\n{{");
                drip(&mut stream, &head, " ").await
            }
            Attack::LyingLengths => once(&mut stream, lie(number).as_bytes()).await,
            Attack::LargeBodies => large(&mut stream, number).await,
            Attack::BrokenFraming => once(&mut stream, &broken(number)).await,
            Attack::DeepJson => once(&mut stream, deep(number).as_bytes()).await,
        }
    };
    tokio::time::timeout(CUT_WITHIN, striking)
        .await
        .unwrap_or(Fate::Kept)
}

/// A connection that the kernel of a busy machine dropped is one that nobody ever saw: the API
/// learns of it with its first byte.
async fn silent(stream: &mut TcpStream) -> Fate {
    let ended = tokio::time::timeout(CUT_WITHIN / 2, answer(stream)).await;
    if let Ok(fate) = ended {
        return fate;
    }
    stream.write_all(b"G").await.ok();
    answer(stream).await
}

/// Sends everything and reads the answer. The API may close before it has read everything.
async fn once(stream: &mut TcpStream, bytes: &[u8]) -> Fate {
    stream.write_all(bytes).await.ok();
    // A client that says no more: whoever waits for the rest of a body need not.
    stream.shutdown().await.ok();
    answer(stream).await
}

/// The status of the first answer, once the API has closed the connection.
async fn answer(stream: &mut TcpStream) -> Fate {
    let mut read = Vec::new();
    // A reset after the answer is an end like any other.
    stream.read_to_end(&mut read).await.ok();
    let status = read
        .strip_prefix(b"HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    status.map_or(Fate::Closed, Fate::Answered)
}

async fn drip(stream: &mut TcpStream, head: &str, piece: &str) -> Fate {
    stream.write_all(head.as_bytes()).await.ok();
    let (mut from, mut to) = stream.split();
    let dripping = async {
        while to.write_all(piece.as_bytes()).await.is_ok() {
            tokio::time::sleep(DRIP).await;
        }
        // The answer, if there is one, has come already.
        std::future::pending::<()>().await;
    };
    let mut read = Vec::new();
    tokio::select! {
        () = dripping => Fate::Kept,
        _ = from.read_to_end(&mut read) => Fate::Closed,
    }
}

/// A body that is longer or shorter than it says, or says something that is no length.
fn lie(number: usize) -> String {
    let lengths = [
        "10000000000",
        "99999999999999999999999999",
        "-1",
        "5",
        "1e3",
        "0x10",
        "+7",
        " ",
        "7, 8",
        "65537",
    ];
    let length = lengths[number % lengths.len()];
    format!("{LOGIN}Content-Length: {length}\r\n\r\n{{\"username\":\"a\",\"password\":\"b\"}}")
}

async fn large(stream: &mut TcpStream, number: usize) -> Fate {
    let head = match number % 3 {
        0 => format!("{LOGIN}Content-Length: {LARGE}\r\n\r\n"),
        1 => format!("{LOGIN}Transfer-Encoding: chunked\r\n\r\n"),
        _ => format!("{LOGIN}Content-Encoding: gzip\r\nContent-Length: {LARGE}\r\n\r\n"),
    };
    stream.write_all(head.as_bytes()).await.ok();
    let (mut from, mut to) = stream.split();
    let chunked = number % 3 == 1;
    let sending = async {
        let piece = [b' '; 16 * 1024];
        for _ in 0..LARGE / piece.len() {
            let prefix: &[u8] = if chunked { b"4000\r\n" } else { b"" };
            let suffix: &[u8] = if chunked { b"\r\n" } else { b"" };
            for part in [prefix, &piece, suffix] {
                if to.write_all(part).await.is_err() {
                    return;
                }
            }
        }
    };
    let mut read = Vec::new();
    tokio::join!(sending, async {
        // A reset is an end like any other.
        from.read_to_end(&mut read).await.ok();
    });
    let status = read
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    status.map_or(Fate::Closed, Fate::Answered)
}

fn broken(number: usize) -> Vec<u8> {
    let body = "{\"username\":\"a\",\"password\":\"b\"}";
    let texts = [
        format!(
            "{LOGIN}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n"
        ),
        format!("{LOGIN}Content-Length: 5\r\nContent-Length: 31\r\n\r\n{body}"),
        format!("{LOGIN}Transfer-Encoding: xchunked\r\n\r\n{body}"),
        format!("{LOGIN}Transfer-Encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"),
        format!("{LOGIN}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{body}"),
        format!("{LOGIN}Transfer-Encoding: chunked, chunked\r\n\r\n1\r\n"),
        format!("{LOGIN}X-Null: a\0b\r\nContent-Length: 0\r\n\r\n"),
        format!("{LOGIN}Content-Length : 3\r\n\r\nabc"),
        "GET /agent/top_info HTTP/1.1\r\n\r\n".to_owned(),
        format!("GET /agent/top_info HTTP/1.1\r\nHost: {HOST}\r\nHost: other.test\r\n\r\n"),
        format!("GET http://other.test/agent/top_info HTTP/1.1\r\nHost: {HOST}\r\n\r\n"),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "GET  /  HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
        format!(
            "GET /{} HTTP/1.1\r\nHost: {HOST}\r\n\r\n",
            "a".repeat(200_000)
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\nX-Large: {}\r\n\r\n",
            "a".repeat(1_000_000)
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: {HOST}\r\n{}\r\n",
            "X-Many: a\r\n".repeat(5_000)
        ),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}".to_owned(),
        "\r\n\r\n\r\n\r\n".to_owned(),
        "*3\r\n$3\r\nSET\r\n".to_owned(),
    ];
    texts[number % texts.len()].clone().into_bytes()
}

fn deep(number: usize) -> String {
    let depth = 30_000;
    let bodies = [
        "[".repeat(depth),
        "{\"a\":".repeat(10_000),
        format!(
            "{{\"username\":{}{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        ),
        "\"\\ud800\"".to_owned(),
        "{\"username\":\"\\u0000\",\"password\":\"\\u0000\"}".to_owned(),
        "{\"username\":1e999999,\"password\":[]}".to_owned(),
    ];
    let body = &bodies[number % bodies.len()];
    format!(
        "{LOGIN}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
