//! Features of the portal.

mod auth;
mod bank;
mod common;
mod coupon;
mod cursor;
mod edit;
mod export;
mod home;
mod messages;
mod pages;
mod player;
mod profile;
mod provider;
mod recovery;
mod report;
mod sub;
mod withdraw;
