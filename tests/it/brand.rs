//! Brands: which one a request is for, and whether the agent may serve it (P-150 … P-170).

mod decisions;
mod hosts;
mod isolation;
mod membership;
pub(crate) mod rights;
mod sign_in;
