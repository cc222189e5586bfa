//! Tests against a real Redis. Those that only use it share one server and have a database each;
//! those that break it boot their own.

mod blocked;
mod counters;
mod faults;
mod heartbeats;
mod listening;
mod server;
mod streams;
