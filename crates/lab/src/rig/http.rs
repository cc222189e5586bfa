//! Plain HTTP over one blocking connection: what measures must not cost much itself.

use std::{
    io::{self, BufRead as _, BufReader, ErrorKind, Read, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

/// Longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(60);
const CHUNK: usize = 64 * 1024;

/// A connection that is kept.
pub(crate) struct Connection {
    stream: BufReader<Stream>,
    line: String,
    body: Vec<u8>,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Of the body.
    pub(crate) bytes: usize,
    /// Ends of lines in the body.
    pub(crate) lines: usize,
}

/// How a client waits for its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Asleep: whoever answers has to wake it, which costs a processor that is not its own as much
    /// as a small request does.
    Asleep,
    /// By looking again and again, on a core that nobody else needs. No client over a network
    /// costs the server more.
    Looking,
}

struct Stream {
    socket: TcpStream,
    wait: Wait,
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.wait == Wait::Asleep {
            return self.socket.read(buffer);
        }
        let started = Instant::now();
        loop {
            match self.socket.read(buffer) {
                Err(error)
                    if error.kind() == ErrorKind::WouldBlock && started.elapsed() < PATIENCE => {}
                done => return done,
            }
            // Other clients look on the same core.
            thread::yield_now();
        }
    }
}

/// Whether bodies are read and forgotten, or kept for [`Connection::body`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Count,
    Keep,
}

/// A request without a body.
pub(crate) fn get(host: &str, path: &str, token: Option<&str>) -> String {
    let token = token.map_or_else(String::new, |token| {
        format!("Authorization: Bearer {token}\r\n")
    });
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}\r\n")
}

/// A request with a JSON body; `headers` are whole lines.
pub(crate) fn post(host: &str, path: &str, headers: &str, body: &Value) -> String {
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> anyhow::Result<Self> {
        Self::open_to(address, Wait::Asleep)
    }

    pub(crate) fn open_to(address: SocketAddr, wait: Wait) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_nonblocking(wait == Wait::Looking)?;
        let stream = Stream { socket, wait };
        Ok(Self {
            stream: BufReader::with_capacity(CHUNK, stream),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// Sends a request as it is and reads the whole answer.
    pub(crate) fn ask(&mut self, request: &str, keep: Body) -> anyhow::Result<Answer> {
        // A request fits into the buffer of an idle socket, so this does not wait.
        self.stream.get_mut().socket.write_all(request.as_bytes())?;
        self.body.clear();
        let status = self.next_line()?.split(' ').nth(1).map(str::parse);
        let mut answer = Answer {
            status: status.context("no status")??,
            bytes: 0,
            lines: 0,
        };
        let (mut length, mut chunked) = (0, false);
        while let Some((name, value)) = self.next_line()?.split_once(':') {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                chunked = value.trim() == "chunked";
            }
        }
        if chunked {
            self.chunks(&mut answer, keep)?;
        } else {
            self.part(length, &mut answer, keep)?;
        }
        Ok(answer)
    }

    /// The body of the last answer, which was kept.
    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    fn chunks(&mut self, answer: &mut Answer, keep: Body) -> anyhow::Result<()> {
        loop {
            let size = self.next_line()?.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size.trim(), 16).context("the size of a chunk")?;
            self.part(size, answer, keep)?;
            ensure!(
                self.next_line()?.is_empty(),
                "a chunk is longer than it says"
            );
            if size == 0 {
                return Ok(());
            }
        }
    }

    fn part(&mut self, length: usize, answer: &mut Answer, keep: Body) -> anyhow::Result<()> {
        let mut left = length;
        while left > 0 {
            let read = self.stream.fill_buf()?;
            let read = &read[..read.len().min(left)];
            if read.is_empty() {
                bail!("the answer ends in its middle");
            }
            answer.lines += read.split(|byte| *byte == b'\n').count() - 1;
            if keep == Body::Keep {
                self.body.extend_from_slice(read);
            }
            let count = read.len();
            left -= count;
            self.stream.consume(count);
        }
        answer.bytes += length;
        Ok(())
    }

    fn next_line(&mut self) -> anyhow::Result<&str> {
        self.line.clear();
        let read = self
            .stream
            .by_ref()
            .take(CHUNK as u64)
            .read_line(&mut self.line)?;
        ensure!(read > 0, "the API closed the connection");
        Ok(self.line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answer_of(raw: &'static str, wait: Wait) -> anyhow::Result<(Answer, Vec<u8>)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = std::thread::spawn(move || -> std::io::Result<()> {
            let (mut socket, _) = listener.accept()?;
            let mut head = [0; 1024];
            let _ = socket.read(&mut head)?;
            socket.write_all(raw.as_bytes())
        });
        let mut connection = Connection::open_to(address, wait)?;
        let answer = connection.ask(&get("h", "/", Some("t")), Body::Keep)?;
        server.join().unwrap()?;
        Ok((answer, connection.body))
    }

    #[test]
    fn reads_bodies_of_both_framings() {
        for wait in [Wait::Asleep, Wait::Looking] {
            let plain = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\na\nb\n";
            let (answer, body) = answer_of(plain, wait).unwrap();
            assert_eq!((answer.status, answer.bytes, answer.lines), (200, 4, 2));
            assert_eq!(body, b"a\nb\n");
            let chunked = "HTTP/1.1 404 X\r\ntransfer-encoding: chunked\r\n\r\n3\r\na\nb\r\n1\r\n\n\r\n0\r\n\r\n";
            let (answer, body) = answer_of(chunked, wait).unwrap();
            assert_eq!((answer.status, answer.bytes, answer.lines), (404, 4, 2));
            assert_eq!(body, b"a\nb\n");
        }
    }

    #[test]
    fn an_answer_that_ends_early_is_an_error() {
        let short = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab";
        assert!(answer_of(short, Wait::Asleep).is_err());
        assert!(answer_of(short, Wait::Looking).is_err());
    }
}
