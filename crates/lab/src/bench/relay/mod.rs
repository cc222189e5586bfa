//! The relay beside loops that do the least that is possible.

mod bare;
mod cpu;
mod drain;
mod idle;
mod latency;
mod several;
mod soak;
mod stage;
mod writers;

pub(super) use drain::run as drain;
pub(super) use idle::run as idle;
pub(super) use latency::run as latency;
pub(super) use several::run as several;
pub(super) use soak::run as soak;
pub(super) use writers::run as writers;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Events that wait.
    pub(super) rows: u32,
    /// Of each side of a pair.
    pub(super) seconds: u32,
    pub(super) pairs: u32,
}
