//! The inbox (P-035, P-065 … P-068, Q-03).

mod read;
mod stage;
mod visible;
