//! `/agent/coupon/*` (P-036 … P-038, P-071 … P-074, Q-25).

mod books;
mod expiry;
mod grant;
mod idempotency;
mod list;
mod logs;
mod others;
mod races;
mod recycle;
mod requests;
