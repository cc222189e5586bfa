//! `/agent/edit/*`: phone, payout account, payout password (P-210 … P-224, Q-83, Q-85, Q-100).

mod audit;
mod bank;
mod cooldown;
mod meanwhile;
mod payout_password;
mod phone;
mod phone_proof;
mod races;
pub(crate) mod stage;
mod without_redis;
