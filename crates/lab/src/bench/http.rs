//! HTTP over one connection, so that what is timed is the answer and nothing else.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};

/// A connection to the API under the host of a brand.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
    host: &'static str,
}

pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// From the first byte sent to the last received.
    pub(super) took: Duration,
}

impl Client {
    pub(super) async fn connect(address: SocketAddr, host: &'static str) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::new(stream),
            host,
        })
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> anyhow::Result<Answer> {
        let body = body.to_string();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        let started = Instant::now();
        self.stream.get_mut().write_all(request.as_bytes()).await?;
        let (status, body) = self.read().await?;
        let took = started.elapsed();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Ok(Answer { status, body, took })
    }

    async fn read(&mut self) -> anyhow::Result<(u16, Vec<u8>)> {
        let first = self.line().await?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.context("no status")?;
        let mut length = 0;
        loop {
            let line = self.line().await?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((status, body))
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await?;
        ensure!(read > 0, "the API closed the connection");
        Ok(line.trim_end().to_owned())
    }
}
