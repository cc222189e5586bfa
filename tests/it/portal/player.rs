//! Players below an agent (P-032, P-060, Q-96).

mod coupons;
mod daily;
mod filters;
mod hostile;
mod isolation;
mod many;
mod one;
mod order;
mod stage;
mod sums;
