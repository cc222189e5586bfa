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
    ask(port, &SSL_REQUEST).is_ok_and(|answer| answer == b'N' || answer == b'S')
}

/// True when a Redis server answers: `+PONG`, or a complaint about a missing password.
#[must_use]
pub fn redis_answers(port: u16) -> bool {
    ask(port, b"PING\r\n").is_ok_and(|answer| answer == b'+' || answer == b'-')
}

fn ask(port: u16, question: &[u8]) -> std::io::Result<u8> {
    let mut stream = connect(port)?;
    stream.write_all(question)?;
    let mut answer = [0];
    stream.read_exact(&mut answer)?;
    Ok(answer[0])
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
        assert!(!redis_answers(port));
    }
}
