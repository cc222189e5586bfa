//! Rules of the portal plane, one file per feature.

pub mod auth;
pub mod bank;
pub mod contact;
pub mod coupon;
pub mod messages;
pub mod player;
pub mod provider;
pub mod recovery;
pub mod report;
pub mod sub;
pub mod withdraw;
