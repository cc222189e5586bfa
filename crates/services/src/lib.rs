//! Use cases: the rules of the portal in order, and the only place where transactions begin.
//!
//! [`core::Core`] is what every process needs (database, Redis, clock, metrics); [`app::App`] adds
//! the keys of the API. The worker has no signing key, so it cannot hold an `App`.

pub mod app;
pub mod clock;
pub mod core;
pub mod export;
pub mod limiter;
pub mod observe;
pub mod outbox_operate;
pub mod outbox_relay;
pub mod pii_backfill;
pub mod portal;
pub mod roll_up;
pub mod session;
pub mod sms;
pub mod turns;
pub mod wake;
pub mod wiring;

pub use app::{App, AppParts, Policy};
pub use clock::Clock;
pub use core::Core;
pub use session::Principal;
pub use sms::{ShortMessage, SmsQueue};
