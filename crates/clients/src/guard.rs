//! The one HTTP client.

use std::time::Duration;

use reqwest::{Client, ClientBuilder, Response, redirect, retry};
use serde::Serialize;
use url::Url;

/// Most bytes of an answer that are read; the rest stays on the wire.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Longest wait for a connection, and never more than the whole call may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// Calls one other service. It follows no redirect, because that would hand the body to whom the
/// answer names; it takes no proxy from the environment; each call ends within its time, however
/// slowly the other side sends; and it is made once, because a message must not arrive twice.
#[derive(Clone)]
pub struct GuardedClient {
    http: Client,
}

/// Certificates that other services are judged by could not be loaded: the machine has none.
#[derive(Debug, thiserror::Error)]
#[error("no TLS root certificates can be loaded from this machine")]
pub struct TlsRootsMissing;

/// What was answered. It has no `Debug`: an answer may repeat what it was asked.
pub struct Answer {
    pub status: u16,
    pub body: AnswerBody,
}

/// The body of an answer, as far as it was read.
pub enum AnswerBody {
    Whole(Vec<u8>),
    /// More than [`MAX_ANSWER_BYTES`]: nothing of it is kept.
    TooLong,
    /// Not read, because the status says that the call failed.
    Unread,
}

/// Why there is no answer. Names neither address nor body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    #[error("no connection")]
    Connect,
    #[error("no answer in time")]
    Timeout,
    #[error("the connection broke")]
    Broken,
}

impl GuardedClient {
    /// A client for one address. Nothing is connected yet. The process needs a TLS provider
    /// installed before.
    ///
    /// # Errors
    /// The address is `https` and the machine has no root certificates.
    pub fn new(target: &Url, timeout: Duration) -> Result<Self, TlsRootsMissing> {
        let http = with_roots(Client::builder(), target)
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            // A connection that was kept may be closed by the other side just when the next call
            // is written, and then nobody knows what became of it.
            .pool_max_idle_per_host(0)
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .timeout(timeout)
            .build()
            .map_err(|_| TlsRootsMissing)?;
        Ok(Self { http })
    }

    /// Posts JSON and reads the answer.
    ///
    /// # Errors
    /// No whole answer within the time.
    pub async fn post_json(
        &self,
        target: &Url,
        body: &(impl Serialize + Sync),
    ) -> Result<Answer, CallError> {
        let request = self.http.post(target.clone()).json(body);
        let mut response = request.send().await.map_err(call_error)?;
        let status = response.status();
        let body = if status.is_success() {
            read(&mut response).await?
        } else {
            AnswerBody::Unread
        };
        let status = status.as_u16();
        Ok(Answer { status, body })
    }
}

/// Loading the roots of the machine takes time and may fail; a plain address needs none.
fn with_roots(builder: ClientBuilder, target: &Url) -> ClientBuilder {
    if target.scheme() == "https" {
        return builder;
    }
    builder.tls_certs_only([])
}

async fn read(response: &mut Response) -> Result<AnswerBody, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(call_error)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Ok(AnswerBody::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(AnswerBody::Whole(body))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "its text names the address, so it ends here"
)]
fn call_error(error: reqwest::Error) -> CallError {
    if error.is_timeout() {
        CallError::Timeout
    } else if error.is_connect() {
        CallError::Connect
    } else {
        CallError::Broken
    }
}
