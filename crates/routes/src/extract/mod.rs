//! What handlers take from a request: read strictly, refused as a problem.
//!
//! Bodies, queries and paths all become a small tree ([`node::Node`]) that one deserializer
//! ([`reader`]) reads into the handler's type. The libraries' own would do three things that must
//! not happen here: quote the client's values in their errors, name our types in them, and take a
//! JSON array for an object.

mod amount;
mod body;
mod fault;
mod idempotency;
mod media;
mod names;
mod node;
mod path;
mod proof;
mod query;
mod reader;

pub use amount::AmountText;
pub use body::Valid;
pub use idempotency::IdempotencyKey;
pub use path::PathParam;
pub use proof::{SignedIn, SourceOf, Visited};
pub use query::QueryParams;
pub(crate) use reader::MAX_INTEGER;

#[cfg(test)]
mod tests;
