//! Game providers, shares in them, income (P-039, P-061 … P-064, Q-26).

mod deleted;
mod dice;
mod income;
mod income_model;
mod list;
mod races;
mod set;
mod shares;
mod stage;
