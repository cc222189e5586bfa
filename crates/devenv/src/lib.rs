//! Finds, installs, boots and stops the two servers that development and tests need:
//! PostgreSQL (15 or newer) and Redis (6.2 or newer; Valkey is accepted).
//!
//! Used by `cargo dev` (the `xtask` crate) and by the test kit, so that a fresh clone needs
//! no preparation. Nothing here is part of the running service.
//!
//! Everything that takes time or changes the machine is told on stderr first.

mod directory;
mod environment;
mod error;
mod find;
mod install;
mod lock;
pub mod net;
mod notice;
mod postgres;
mod process;
mod redis;
mod run_as;
pub mod testservers;
mod tools;
mod workspace;

pub use directory::{copy_tree, private_directory, write_private};
pub use environment::variable;
pub use error::DevEnvError;
pub use find::{Found, find};
pub use install::{EnsureOptions, ensure};
pub use lock::FileLock;
pub use notice::tell;
pub use postgres::{PostgresConfig, PostgresProfile, PostgresServer};
pub use process::{ProcessId, Stop};
pub use redis::{RedisConfig, RedisServer};
pub use run_as::{Placement, RunAs, place};
pub use tools::{PostgresTools, RedisTools, Tools, Version};
pub use workspace::{tools_dir, workspace_root};

#[cfg(test)]
mod durable_tests;
