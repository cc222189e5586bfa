//! `agent-api`: the API and the operators' commands.

mod command;

use clap::Parser as _;

fn main() -> std::process::ExitCode {
    command::run(command::Cli::parse())
}
