//! `cargo dev`: one command from a fresh clone to a running, seeded system.

mod app;
mod build;
mod cli;
mod client_day;
mod database;
mod doctor;
mod down;
mod env_file;
mod failure;
mod fuzz_api;
mod help;
mod http;
mod interrupt;
mod lab;
mod leftovers;
mod logs;
mod openapi;
mod output;
mod pid_file;
mod ports;
mod reset;
mod secrets;
mod servers;
mod shells;
mod sqlx;
mod state;
mod status;
mod step;
mod supervise;
mod up;
mod welcome;
mod workspace;

use std::process::ExitCode;

use crate::cli::Command;
use crate::failure::{Failure, Outcome};
use crate::workspace::Workspace;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = match cli::parse(&arguments) {
        Ok(command) => command,
        Err(usage) => {
            output::error(&usage);
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Message(message)) => {
            output::error(&message);
            ExitCode::FAILURE
        }
        Err(Failure::Interrupted) => ExitCode::from(130),
        Err(Failure::Status(code)) => ExitCode::from(code),
    }
}

fn run(command: Command) -> Outcome<()> {
    let workspace = Workspace::here()?;
    match command {
        Command::Help(text) => {
            output::print(&text);
            Ok(())
        }
        Command::Up(options) => up::run(&workspace, &options),
        Command::Down => down::run(&workspace),
        Command::Status => status::run(&workspace),
        Command::Psql(arguments) => shells::psql(&workspace, &arguments),
        Command::Redis(arguments) => shells::redis(&workspace, &arguments),
        Command::Logs(arguments) => logs::run(&workspace, &arguments),
        Command::Reset => reset::run(&workspace),
        Command::Doctor => doctor::run(&workspace),
        Command::Env => env_file::print_exports(&workspace),
        Command::Openapi { check } => openapi::run(&workspace, check),
        Command::Sqlx { check } => sqlx::run(&workspace, check),
        Command::Chaos(arguments) => lab::chaos(&workspace, &arguments),
        Command::FuzzApi(arguments) => fuzz_api::run(&workspace, &arguments),
        Command::ClientDay => client_day::run(&workspace),
        Command::Lab(arguments) => lab::run(&workspace, &arguments),
    }
}
