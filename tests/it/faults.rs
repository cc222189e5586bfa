//! Servers that stop, refuse, fall silent or are full, under the real binaries.

mod network;
mod postgres;
mod redis;
mod stage;
