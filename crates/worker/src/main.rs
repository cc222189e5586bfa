//! `agent-worker`: publishes the outbox and does the upkeep.

use std::{io::Write as _, process::ExitCode};

use agent_config::{Env, WorkerSettings};
use agent_services::Clock;
use agent_telemetry::log;
use agent_worker::serve;
use anyhow::Context as _;
use clap::Parser;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

/// Publishes the outbox to Redis Streams and does the upkeep. Settings come from the environment.
#[derive(Parser)]
#[command(name = "agent-worker", version)]
struct Cli {}

fn main() -> ExitCode {
    Cli::parse();
    // Fails only when one is installed already; there is one in this build.
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nowhere is left to report that stderr is closed.
            writeln!(std::io::stderr(), "agent-worker: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn start() -> anyhow::Result<()> {
    let settings = WorkerSettings::load(&Env::process())
        .map_err(|errors| anyhow::anyhow!("cannot start:\n{errors}"))?;
    // One thread: the work is done by Postgres and Redis, and a second one would only be woken for
    // every other answer of theirs.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work(settings))
}

async fn work(settings: WorkerSettings) -> anyhow::Result<()> {
    log::init(settings.log.format, &settings.log.filter)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let address = settings.process.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("WORKER_LISTEN: cannot listen on {address}"))?;
    let worker = serve::assemble(&settings, Clock::system())?;
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn({
        let shutdown = shutdown.clone();
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
            shutdown.cancel();
        }
    });
    serve::run(worker, listener, &settings, shutdown).await
}
