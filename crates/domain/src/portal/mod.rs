//! Rules of the portal plane, one file per feature.

pub mod auth;
pub mod bank;
pub mod contact;
pub mod recovery;
pub mod withdraw;
