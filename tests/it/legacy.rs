//! Old paths (P-004 … P-008, P-050 … P-079, Q-99).

mod counted;
mod door;
mod parity;
mod surface;
