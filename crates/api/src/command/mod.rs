//! The command line.

mod audit;
mod check_config;
mod doctor;
mod generate_secrets;
mod migrate;
mod openapi;
mod outbox;
mod pii;
mod serve;

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use agent_config::{ApiSettings, Env};
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The service behind the portal of agents.
#[derive(Parser)]
#[command(name = "agent-api", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests (the default).
    Serve,
    /// Bring the database to the newest schema and set the rights of the application role.
    Migrate,
    /// Print the settings, secrets redacted, or every fault in them.
    CheckConfig,
    /// Check database, schema, rights, Redis and the books.
    Doctor,
    /// Write the OpenAPI document.
    Openapi {
        /// Where it is kept.
        #[arg(long, default_value = "openapi/agent_service.json")]
        out: PathBuf,
        /// Change nothing; fail when the file is not what the routes say.
        #[arg(long)]
        check: bool,
    },
    /// Print fresh secrets as lines of an environment file.
    GenerateSecrets,
    /// Look after personal data of older releases.
    #[command(subcommand)]
    Pii(pii::Command),
    /// Print the audit trail of an agent.
    Audit(audit::AuditArgs),
    /// Look at the events that wait, and publish some again.
    #[command(subcommand)]
    Outbox(outbox::Command),
}

/// Runs a command; a failure is one clear text on stderr.
pub(crate) fn run(cli: Cli) -> ExitCode {
    agent_crypto::install_provider();
    // Fails only when one is installed already; there is one in this build.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    let outcome = match cli.command.unwrap_or(Command::Serve) {
        Command::Openapi { out, check } => openapi::run(&out, check),
        Command::GenerateSecrets => generate_secrets::run(),
        Command::CheckConfig => settings().and_then(|settings| check_config::run(&settings)),
        Command::Serve => settings().and_then(|settings| block_on(serve::run(settings))),
        Command::Migrate => settings().and_then(|settings| block_on(migrate::run(settings))),
        Command::Doctor => settings().and_then(|settings| block_on(doctor::run(settings))),
        Command::Pii(command) => settings().and_then(|s| block_on(pii::run(s, command))),
        Command::Audit(args) => settings().and_then(|s| block_on(audit::run(s, args))),
        Command::Outbox(command) => settings().and_then(|s| block_on(outbox::run(s, command))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere is left to report that stderr is closed.
            writeln!(std::io::stderr(), "agent-api: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn settings() -> anyhow::Result<ApiSettings> {
    ApiSettings::load(&Env::process()).map_err(|errors| anyhow::anyhow!("cannot start:\n{errors}"))
}

fn block_on(future: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

/// SIGTERM and SIGINT stop in order; a second one changes nothing, the order has its own end.
async fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    shutdown.cancel();
    Ok(())
}

/// Prints a line for people or programs.
fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}
