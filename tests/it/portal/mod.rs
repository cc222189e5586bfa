//! Features of the portal.

mod auth;
mod common;
mod profile;
