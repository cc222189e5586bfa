//! The worker: publishes the outbox and does the upkeep, each in a supervised loop.
//!
//! Every job is a step that tests call directly; loops, pauses after failures and restarts after
//! panics are in [`supervisor`] alone.

pub mod jobs;
pub mod serve;
pub mod supervisor;
