//! A client that sends bytes and reads answers, and knows when it was cut off.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Longer than any limit of these tests: whoever reaches it would have waited for ever.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) struct Client {
    stream: TcpStream,
    /// Read and not yet used.
    ahead: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// Value of a header that occurs once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self
            .head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| *key == name).map(|(_, value)| value)
    }
}

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        Self {
            stream,
            ahead: Vec::new(),
        }
    }

    /// Sends; a connection that was closed meanwhile shows when reading.
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    pub(super) async fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// Sends a head of a POST of JSON.
    pub(super) async fn post_head(&mut self, path: &str, headers: &str) {
        self.send(format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{headers}\r\n"
        ))
        .await;
    }

    pub(super) async fn answer(&mut self) -> Answer {
        self.try_answer().await.unwrap()
    }

    /// `None` when the connection was closed instead.
    pub(super) async fn try_answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = find(&self.ahead, b"\r\n\r\n") {
                break end;
            }
            if !self.read_more().await {
                return None;
            }
        };
        let head = String::from_utf8(self.ahead.drain(..end + 4).collect()).unwrap();
        let mut answer = Answer {
            status: head[9..12].parse().unwrap(),
            head,
            body: String::new(),
        };
        let length = answer
            .header("content-length")
            .map(|text| text.parse().unwrap());
        answer.body = self.body(length.unwrap_or(0)).await;
        Some(answer)
    }

    async fn body(&mut self, length: usize) -> String {
        while self.ahead.len() < length {
            assert!(self.read_more().await, "the body ended early");
        }
        String::from_utf8(self.ahead.drain(..length).collect()).unwrap()
    }

    /// Everything up to the close.
    pub(super) async fn rest(&mut self) -> String {
        while self.read_more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.ahead)).into_owned()
    }

    pub(super) async fn assert_closed(&mut self) {
        assert_eq!(self.rest().await, "");
    }

    /// Something can be read: an answer, or the end.
    pub(super) async fn readable_within(&mut self, time: Duration) -> bool {
        timeout(time, self.stream.readable()).await.is_ok()
    }

    /// The connection is closed; nothing may have been answered before.
    pub(super) async fn closes_within(&mut self, time: Duration) -> bool {
        match timeout(time, self.stream.read(&mut [0; 16])).await {
            Ok(read) => {
                assert_eq!(read.unwrap_or(0), 0);
                true
            }
            Err(_) => false,
        }
    }

    /// False when the connection is closed, by an end or a reset.
    async fn read_more(&mut self) -> bool {
        let mut buffer = vec![0; 64 * 1024];
        let read = timeout(PATIENCE, self.stream.read(&mut buffer));
        let read = read.await.expect("the server neither answered nor closed");
        let read = read.unwrap_or(0);
        self.ahead.extend_from_slice(&buffer[..read]);
        read > 0
    }
}

fn find(bytes: &[u8], part: &[u8]) -> Option<usize> {
    bytes.windows(part.len()).position(|window| window == part)
}
