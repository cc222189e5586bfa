//! The relay beside loops that do the least that is possible.

mod bare;
mod drain;
mod idle;
mod latency;
mod stage;

pub(super) use drain::run as drain;
pub(super) use idle::run as idle;
pub(super) use latency::run as latency;
