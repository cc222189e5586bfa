//! Use cases of the portal plane, one file per feature.

pub mod account;
pub mod auth;
pub mod bank;
pub(crate) mod contact;
pub(crate) mod masking;
pub(crate) mod one_time_code;
pub mod profile;
pub mod recovery;
mod recovery_account;
pub mod withdraw;
pub mod withdraw_transition;
