//! `agent-api serve`.

use agent_api::serve::{Listeners, assemble, run as run_api};
use agent_config::ApiSettings;
use agent_services::Clock;
use agent_telemetry::log;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

pub(super) async fn run(settings: ApiSettings) -> anyhow::Result<()> {
    log::init(settings.log.format, &settings.log.filter)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let api = assemble(&settings, Clock::system())?;
    let listeners = Listeners::bind(&settings).await?;
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    run_api(api, listeners, &settings, shutdown).await
}

/// SIGTERM and SIGINT drain; a second one changes nothing, the drain has its own end.
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
