//! Features of the portal.

mod auth;
mod bank;
mod common;
mod coupon;
mod edit;
mod home;
mod messages;
mod player;
mod profile;
mod provider;
mod recovery;
mod report;
mod sub;
mod withdraw;
