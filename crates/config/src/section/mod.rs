//! One section of the settings per file: what it means, its bounds, how it is read.

pub(crate) mod database;
pub(crate) mod exports;
pub(crate) mod http;
pub(crate) mod internal;
pub(crate) mod jwt;
pub(crate) mod keys;
pub(crate) mod limits;
pub(crate) mod log;
pub(crate) mod outbox;
pub(crate) mod recovery;
pub(crate) mod redis;
pub(crate) mod sessions;
pub(crate) mod sms;
pub(crate) mod statistics;
pub(crate) mod withdraw;
pub(crate) mod worker;
