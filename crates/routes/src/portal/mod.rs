//! Handlers of the portal plane, one file per feature: take the proofs, call one use case, show
//! its outcome.

pub mod auth;
pub mod bank;
pub mod common;
pub mod edit;
pub mod list;
pub mod profile;
pub mod recovery;
pub mod withdraw;
