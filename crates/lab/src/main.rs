//! `agent-lab`: the companion of development. It fills a database with demo data, follows the
//! event stream, stands in for the admin service and for the SMS provider, and checks that the books balance.
//! It is never shipped.
#![expect(
    clippy::print_stderr,
    reason = "a command line program talks to its user"
)]

mod account;
mod admin;
mod agent;
mod bench;
mod brand;
mod check;
mod consume;
mod context;
mod fuzz_api;
mod lookup;
mod out;
mod plans;
mod rig;
mod seed;
mod servers;
mod sms;
mod stage;
mod stream;
mod table;
mod tail;
mod withdraw;

use std::process::ExitCode;

use agent_config::ConfigErrors;
use agent_telemetry::log::{self, LogFormat};
use clap::{Parser, Subcommand};

use crate::context::Lab;

/// Companion of development: demo data, event stream, stand-in for the admin service, checks.
///
/// Reads the same environment as the API.
#[derive(Parser)]
#[command(name = "agent-lab", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Fill the database with demo data; does nothing where there is some already.
    Seed(seed::Args),
    /// Follow the stream of domain events.
    Tail(tail::Args),
    /// Read the stream as a consumer group does: the example to start from.
    Consume(consume::Args),
    /// Which agent serves which brand, and under which limits.
    #[command(subcommand)]
    Brand(brand::Command),
    /// Lock and unlock an agent's account.
    #[command(subcommand)]
    Agent(agent::Command),
    /// Review and pay withdrawals.
    #[command(subcommand)]
    Withdraw(withdraw::Command),
    /// Credit, debit and show an agent's account.
    #[command(subcommand)]
    Account(account::Command),
    /// Stand in for the SMS provider: print every message that the API hands over.
    Sms,
    /// Stand in for the admin service where it answers events: let new agents in.
    Admin(admin::Args),
    /// Measure, on servers of its own.
    Bench(bench::BenchArgs),
    /// Write down how Postgres answers every list and report.
    Plans(plans::PlansArgs),
    /// What `bench` starts to make load.
    #[command(name = rig::load::PROCESS, hide = true)]
    LoadProcess,
    /// What `bench read` holds the API against.
    #[command(name = bench::read::BASELINE, hide = true)]
    ReadBaseline,
    /// Hold the API against its OpenAPI document, on servers of its own.
    FuzzApi(fuzz_api::Args),
    /// Check that every account equals its ledger, and show the outbox backlog.
    Check,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("agent-lab: {error:#}");
            // Like a wrong argument: nothing was tried.
            let misconfigured = error.is::<ConfigErrors>();
            ExitCode::from(if misconfigured { 2 } else { 1 })
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    // What goes wrong is told on standard error by the commands themselves.
    log::init(LogFormat::Text, "error")?;
    // Fails only where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Command::LoadProcess = &command {
        return rig::load::process();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    if let Command::Bench(args) = &command {
        return runtime.block_on(bench::run(args));
    }
    if let Command::Plans(args) = &command {
        return runtime.block_on(plans::run(args));
    }
    if let Command::FuzzApi(args) = &command {
        return runtime.block_on(fuzz_api::run(args));
    }
    if let Command::ReadBaseline = &command {
        return runtime.block_on(bench::read::baseline_process());
    }
    let lab = Lab::load()?;
    runtime.block_on(run(&lab, command))
}

async fn run(lab: &Lab, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Seed(args) => seed::run(lab, &args).await,
        Command::Tail(args) => tail::run(lab, &args).await,
        Command::Consume(args) => consume::run(lab, &args).await,
        Command::Brand(command) => brand::run(lab, &command).await,
        Command::Agent(command) => agent::run(lab, &command).await,
        Command::Withdraw(command) => withdraw::run(lab, &command).await,
        Command::Account(command) => account::run(lab, &command).await,
        Command::Sms => sms::run(lab).await,
        Command::Admin(args) => admin::run(lab, &args).await,
        Command::Check => check::run(lab).await,
        Command::FuzzApi(args) => fuzz_api::run(&args).await,
        Command::Bench(args) => bench::run(&args).await,
        Command::Plans(args) => plans::run(&args).await,
        Command::LoadProcess => rig::load::process(),
        Command::ReadBaseline => bench::read::baseline_process().await,
    }
}
