//! Which brand a request is for, and whether the agent may serve it (P-150 … P-171).
//!
//! The brand comes from the request's `Host` and from nothing else. [`BrandGuard::resolve_layer`]
//! finds it, [`BrandGuard::check`] compares it with the agent's allow list as the enforcement mode
//! demands, and the result is a `BrandScope`, without which no row that a brand owns can be read.
//!
//! Both look-ups go through caches that live for at most a minute and can be dropped at once by a
//! message. Where brands are stored is none of this crate's business: see [`BrandDirectory`].

mod cache;
mod change;
mod directory;
mod guard;
mod host;
mod layer;

#[cfg(test)]
mod tests;

pub use cache::{BrandCacheSettings, FlushReason};
pub use directory::{BoxFuture, BrandDirectory, DirectoryError};
pub use guard::BrandGuard;
pub use host::{Host, InvalidHost};
pub use layer::{
    AgentBrandResolutionLayer, AgentBrandResolutionMiddleware, HostBrand, Refuse, X_BRAND_ID,
};
