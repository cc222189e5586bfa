//! `agent-api migrate`.

use agent_config::ApiSettings;
use agent_persistence::migrate;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;

pub(super) async fn run(settings: ApiSettings) -> anyhow::Result<()> {
    let url = settings.migration_database_url.expose_secret();
    migrate::run(url).await.context("MIGRATION_DATABASE_URL")?;
    super::say("the schema is current")
}
