//! From committed rows to the stream (P-090, P-091, Q-19, Q-94).

mod engine;
mod events;
mod interleavings;
mod many;
mod operate;
mod poison;
mod relays;
mod replay;
pub(crate) mod rows;
mod statements;
mod upkeep;
mod wake;
