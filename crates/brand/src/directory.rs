//! The port behind which brands are stored.

use std::{error::Error, pin::Pin};

use agent_domain::{AgentGuid, Brand};

/// A future behind a pointer, so that the port can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where brands, their hosts and the agents' allow lists are kept.
pub trait BrandDirectory: Send + Sync + 'static {
    /// The enabled brand that a host belongs to, or `None` for a host that is nobody's.
    /// The host is normalised, see [`crate::Host`].
    fn brand_of_host<'a>(
        &'a self,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Option<Brand>, DirectoryError>>;

    /// The brands that an agent may serve now: membership and brand both enabled (P-152).
    fn enabled_brands(&self, agent: AgentGuid)
    -> BoxFuture<'_, Result<Vec<Brand>, DirectoryError>>;
}

/// The directory could not answer. Never cached, so the next request asks again.
#[derive(Debug, thiserror::Error)]
#[error("the brand directory did not answer")]
pub struct DirectoryError(#[source] Box<dyn Error + Send + Sync>);

impl DirectoryError {
    /// Wraps what went wrong below, for the log line at the edge.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}
