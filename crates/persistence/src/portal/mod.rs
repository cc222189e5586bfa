//! Queries of the portal plane, one file per feature.

pub mod account;
pub mod auth;
pub mod bank;
pub mod common;
pub mod edit;
pub mod profile;
pub mod recovery;
pub mod withdraw;
pub mod withdraw_transition;
