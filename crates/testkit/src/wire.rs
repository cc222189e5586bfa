//! Requests byte by byte, for what no well-behaved client would send.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{app::TestApp, client::Answer};

impl TestApp {
    /// Sends bytes over a connection of their own and reads until the API closes it, so a request
    /// should say `connection: close`. `None` when it closed without an answer.
    pub async fn wire(&self, bytes: impl AsRef<[u8]>) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address)
            .await
            .expect("the API accepts connections");
        // The API may close before it has read everything.
        stream.write_all(bytes.as_ref()).await.ok();
        let mut read = Vec::new();
        let deadline = std::time::Duration::from_secs(30);
        let ended = tokio::time::timeout(deadline, stream.read_to_end(&mut read)).await;
        // A reset after the answer is an end like any other.
        ended.expect("the API closes the connection").ok();
        parse(&read)
    }

    /// As [`Self::wire`]: a request of these lines, closed by `connection: close`.
    pub async fn wire_lines(&self, lines: &[&str]) -> Answer {
        let head = lines.join("\r\n");
        let answer = self.wire(format!("{head}\r\nconnection: close\r\n\r\n"));
        answer.await.expect("an answer")
    }
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: HeaderMap = lines.filter_map(header).collect();
    Some(Answer {
        status,
        headers,
        text: body.to_owned(),
        body: serde_json::from_str(body).unwrap_or(serde_json::Value::Null),
    })
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.parse().ok()?, value.trim().parse().ok()?))
}
