//! The API: wires settings, services and routes together and serves them.

pub mod brand_feed;
pub mod directory;
pub mod serve;
pub mod server;
