//! Use cases of the portal plane, one file per feature.

pub mod account;
pub mod auth;
pub mod bank;
pub(crate) mod contact;
pub mod coupon;
pub mod coupon_grant;
pub mod coupon_logs;
pub mod coupon_recycle;
pub mod home;
pub(crate) mod masking;
pub mod messages;
pub(crate) mod one_time_code;
pub mod player;
pub mod player_list;
pub mod profile;
pub mod provider;
pub mod provider_income;
pub mod recovery;
mod recovery_account;
pub(crate) mod repeatable;
pub mod report;
pub mod sub;
pub mod sub_add;
pub mod sub_edit;
pub mod sub_tree;
pub mod withdraw;
pub mod withdraw_transition;
