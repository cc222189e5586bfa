//! What can go wrong between this process and Redis.

use std::{error::Error, io};

use redis::RedisError;

/// Why a command failed. Holds no address, no password and no argument of a command, so that it
/// may be logged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// The URL cannot be read.
    #[error("the Redis URL is not valid")]
    Settings,
    /// There is no connection, or it broke: whether the command was carried out is unknown.
    #[error("no connection to Redis: {0}")]
    Connection(String),
    /// No answer in time: whether the command was carried out is unknown.
    #[error("Redis did not answer in time")]
    Timeout,
    /// Redis answered with an error; its code, e.g. `WRONGTYPE`.
    #[error("Redis refused the command: {0}")]
    Refused(String),
    /// An answer that the command cannot have.
    #[error("Redis gave an answer of another kind")]
    Answer,
}

impl KvError {
    /// True when Redis was not reached or did not answer: the fate of the command is unknown.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Connection(_) | Self::Timeout)
    }

    /// For an attempt to connect: whatever failed, there is no connection.
    pub(crate) fn connecting(error: &RedisError) -> Self {
        match Self::from(error) {
            Self::Refused(code) => Self::Connection(code),
            Self::Answer | Self::Settings => Self::Connection(error.category().to_owned()),
            known @ (Self::Connection(_) | Self::Timeout) => known,
        }
    }
}

impl From<&RedisError> for KvError {
    fn from(error: &RedisError) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        // Only the code: the text of an answer may repeat the command's arguments.
        let answered = error.clone().into_server_errors();
        if let Some((_, first)) = answered.as_deref().and_then(<[_]>::first) {
            return Self::Refused(first.code().to_owned());
        }
        if error.is_io_error() || error.is_unrecoverable_error() {
            let cause = error.source().and_then(|e| e.downcast_ref::<io::Error>());
            let cause = cause.map_or_else(
                || error.category().to_owned(),
                |cause| cause.kind().to_string(),
            );
            return Self::Connection(cause);
        }
        Self::Answer
    }
}

impl From<RedisError> for KvError {
    fn from(error: RedisError) -> Self {
        Self::from(&error)
    }
}
