//! What a hostile client sees: one 4xx, nothing served that should not be, nothing logged.

mod bodies;
mod logs;
mod paths;
mod problem;
