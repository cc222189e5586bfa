//! Lists that are read on from a row.

mod foreign;
mod many;
mod refused;
mod stage;
mod walk;
