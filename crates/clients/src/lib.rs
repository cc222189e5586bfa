//! Calls to other services: the only place that makes outgoing HTTP requests.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`guard`] | the one HTTP client: no redirects, no proxy, bounded in time and size |
//! | [`sms`] | handing a text to the SMS provider (P-119) |
//!
//! # Rules kept here
//! - Nothing is logged: addresses may hold a credential, bodies hold phones and codes.
//! - Errors carry neither of them.
//! - What another service answers is read up to a bound and never trusted.

pub mod guard;
pub mod sms;

pub use guard::{CallError, GuardedClient, TlsRootsMissing};
pub use sms::{SmsClient, SmsError, SmsSetupError};
