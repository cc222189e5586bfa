//! Queries of the portal plane, one file per feature.

pub mod auth;
pub mod bank;
pub mod common;
pub mod profile;
pub mod withdraw;
