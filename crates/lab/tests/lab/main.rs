//! The companion as a user runs it: the program itself, on a database and Redis of the test's own.
#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

mod admin;
mod books;
mod commands;
mod consume;
mod crowd;
mod logins;
mod reset;
mod seed;
mod support;
