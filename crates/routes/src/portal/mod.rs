//! Handlers of the portal plane, one file per feature: take the proofs, call one use case, show
//! its outcome.

pub mod auth;
pub mod bank;
pub mod common;
pub mod coupon;
pub mod coupon_logs;
pub mod edit;
pub mod home;
pub mod home_rank;
pub mod list;
pub mod messages;
pub mod player;
pub mod player_list;
pub mod profile;
pub mod provider;
pub mod provider_income;
pub mod recovery;
pub mod report;
pub mod sub;
pub mod sub_add;
pub mod sub_edit;
pub mod sub_reset;
pub mod sub_tree;
pub mod withdraw;
