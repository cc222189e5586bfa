//! `agent-api serve`.

use agent_api::serve::{Listeners, assemble, run as run_api};
use agent_config::ApiSettings;
use agent_services::Clock;
use agent_telemetry::log;
use tokio_util::sync::CancellationToken;

pub(super) async fn run(settings: ApiSettings) -> anyhow::Result<()> {
    log::init(settings.log.format, &settings.log.filter)?;
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let api = assemble(&settings, Clock::system())?;
    let listeners = Listeners::bind(&settings)?;
    let shutdown = CancellationToken::new();
    tokio::spawn(super::stop_on_signal(shutdown.clone()));
    run_api(api, listeners, &settings, shutdown).await
}
