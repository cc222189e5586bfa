//! Ports on 127.0.0.1: free ones, and whether a server answers on one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::error::{DevEnvError, Doing};

const PATIENCE: Duration = Duration::from_millis(1000);

/// A port that was free a moment ago.
///
/// # Errors
/// The machine has no free port.
pub fn free_port() -> Result<u16, DevEnvError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .doing(|| "find a free port on 127.0.0.1".into())
}

/// True when nothing listens on that port of 127.0.0.1.
#[must_use]
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// Connects to 127.0.0.1 with a short time limit for connecting, reading and writing.
///
/// # Errors
/// Nothing listens there.
pub fn connect(port: u16) -> std::io::Result<TcpStream> {
    let stream =
        TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// True when a PostgreSQL server answers: it knows the request for encryption.
#[must_use]
pub fn postgres_answers(port: u16) -> bool {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    ask::<1>(port, &SSL_REQUEST, 1).is_ok_and(|[answer]| answer == b'N' || answer == b'S')
}

/// True when a Redis server serves commands under that password. One that still loads its
/// data already answers, but with a refusal: it is not ready.
#[must_use]
pub fn redis_serves(port: u16, password: Option<&str>) -> bool {
    let login = password.map_or_else(String::new, |password| {
        format!("*2\r\n$4\r\nAUTH\r\n${}\r\n{password}\r\n", password.len())
    });
    let expected: &[u8] = if password.is_some() {
        b"+OK\r\n+PONG\r\n"
    } else {
        b"+PONG\r\n"
    };
    let question = format!("{login}*1\r\n$4\r\nPING\r\n");
    ask::<16>(port, question.as_bytes(), expected.len())
        .is_ok_and(|answer| answer.starts_with(expected))
}

/// The first `length` bytes of the answer, at most `N`.
fn ask<const N: usize>(port: u16, question: &[u8], length: usize) -> std::io::Result<[u8; N]> {
    let mut stream = connect(port)?;
    stream.write_all(question)?;
    let mut answer = [0; N];
    stream.read_exact(&mut answer[..length.min(N)])?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_not_free() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(!is_free(port));
        drop(listener);
        assert!(is_free(port));
    }

    #[test]
    fn a_closed_port_is_neither_postgres_nor_redis() {
        let port = free_port().unwrap();
        assert!(!postgres_answers(port));
        assert!(!redis_serves(port, None));
    }

    #[test]
    fn a_redis_that_still_loads_its_data_is_not_ready() {
        for (refusal, password) in [
            ("-LOADING Redis is loading the dataset\r\n", None),
            ("+OK\r\n-LOADING Redis is loading\r\n", Some("secret")),
            ("-NOAUTH Authentication required.\r\n", None),
        ] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            let server = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 64];
                assert!(stream.read(&mut question).unwrap() > 0);
                stream.write_all(refusal.as_bytes()).unwrap();
            });
            assert!(!redis_serves(port, password), "{refusal}");
            server.join().unwrap();
        }
    }
}
