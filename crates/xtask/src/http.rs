//! A GET request to a local listener: no client library is worth its compile time here.

use std::io::{Read, Write};

use agent_devenv::net::connect;

/// Status and body of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Asks 127.0.0.1; an error when nobody answers in about a second.
pub(crate) fn get(port: u16, path: &str) -> std::io::Result<Answer> {
    let mut stream = connect(port)?;
    // HTTP/1.0 has no chunks, and the connection ends with the answer.
    stream.write_all(
        format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut bytes = Vec::new();
    stream.take(1 << 20).read_to_end(&mut bytes)?;
    parse(&String::from_utf8_lossy(&bytes))
        .ok_or_else(|| std::io::Error::other("not an HTTP answer"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head
        .strip_prefix("HTTP/1.")?
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        body: body.trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn reads_status_and_body() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let length = stream.read(&mut request).unwrap();
            stream
                .write_all(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\ndown")
                .unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        });
        let answer = get(port, "/health").unwrap();
        assert_eq!(
            answer,
            Answer {
                status: 503,
                body: "down".into()
            }
        );
        let request = server.join().unwrap();
        assert!(
            request.starts_with("GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n"),
            "{request}"
        );
    }

    #[test]
    fn an_answer_without_a_body_is_a_success() {
        let answer = parse("HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert!(answer.is_success());
    }

    #[test]
    fn what_is_not_http_is_refused() {
        assert_eq!(parse("-ERR unknown command\r\n\r\n"), None);
        assert_eq!(parse(""), None);
    }
}
