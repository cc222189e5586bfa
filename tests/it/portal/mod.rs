//! Features of the portal.

mod auth;
mod bank;
mod common;
mod profile;
mod withdraw;
