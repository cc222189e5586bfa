//! Features of the portal.

mod auth;
mod bank;
mod common;
mod edit;
mod profile;
mod recovery;
mod withdraw;
