//! Use cases of the portal plane, one file per feature.

pub mod account;
pub mod auth;
pub mod bank;
pub(crate) mod contact;
pub mod edit;
pub mod edit_bank;
pub mod edit_phone;
pub(crate) mod masking;
pub(crate) mod one_time_code;
pub(crate) mod payout_account;
pub(crate) mod payout_password;
pub mod profile;
pub mod recovery;
mod recovery_account;
mod recovery_request;
mod recovery_reset;
pub mod withdraw;
pub mod withdraw_transition;
