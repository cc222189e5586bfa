//! `/agent/withdraw/*` (P-029 … P-031).

mod amounts;
mod cancel;
mod cards;
mod fees;
mod form;
mod idempotency;
mod idempotency_keys;
mod list;
mod list_range;
mod payout_password;
mod refusals;
mod requests;
mod settings;
