//! What the commands work with, opened only by those that need it.

use agent_config::{ApiSettings, ConfigErrors, Env};
use agent_kv::{Kv, KvSettings, keys::Channel};
use agent_persistence::{Db, DbSettings};
use agent_services::{
    Clock, Core,
    wake::{self, WakeSignal},
};
use agent_telemetry::Metrics;
use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::out::say;

/// Name under which the companion's changes are audited: `operator:dev`.
pub(crate) const OPERATOR: &str = "dev";

/// The settings of the API, and connections made from them.
pub(crate) struct Lab {
    pub(crate) settings: ApiSettings,
}

impl Lab {
    pub(crate) fn load() -> Result<Self, ConfigErrors> {
        let settings = ApiSettings::load(&Env::process())?;
        Ok(Self { settings })
    }

    /// Under the owner's rights, as the admin service works: no `SET ROLE`.
    pub(crate) async fn owner(&self) -> anyhow::Result<PgPool> {
        PgPoolOptions::new()
            .max_connections(2)
            .connect(self.settings.migration_database_url.expose_secret())
            .await
            .context("cannot connect to Postgres")
    }

    pub(crate) fn kv(&self) -> anyhow::Result<Kv> {
        let redis = &self.settings.redis;
        Ok(Kv::open(KvSettings {
            url: redis.url.expose_secret().to_owned(),
            channel_prefix: redis.channel_prefix.clone(),
            response_timeout: redis.response_timeout,
        })?)
    }

    /// What the use cases work with, under the application's rights.
    pub(crate) fn core(&self) -> anyhow::Result<Core> {
        let database = &self.settings.database;
        let db = Db::open(&DbSettings {
            url: database.url.expose_secret().to_owned(),
            max_connections: 2,
            acquire_timeout: database.acquire_timeout,
            statement_timeout: database.statement_timeout,
            report_timeout: database.report_timeout,
            lock_timeout: database.lock_timeout,
            idle_in_transaction_timeout: database.idle_in_transaction_timeout,
            statement_cache: database.statement_cache,
            application_name: "agent-lab",
        })?;
        Ok(Core {
            db,
            kv: self.kv()?,
            clock: Clock::system(),
            metrics: Metrics::new("agent_lab"),
            wake: WakeSignal::default(),
        })
    }
}

/// Tells the relay of new events: nothing else of this process lives long enough to do it.
pub(crate) async fn wake_relay(core: &Core) {
    wake::publish(&core.kv, &core.metrics).await;
}

/// Tells every API process to forget what it knows: of one agent, or all of it.
pub(crate) async fn announce_brand_change(kv: &Kv, agent: Option<i64>) {
    let payload = agent.map_or_else(
        || "all".to_owned(),
        |agent| serde_json::json!({ "agent_id": agent }).to_string(),
    );
    match kv.publish(Channel::BrandChanged, &payload).await {
        Ok(listeners) => say!("announced to {listeners} listener(s)"),
        Err(error) => eprintln!(
            "not announced ({error}): running services follow within 60 seconds by themselves"
        ),
    }
}
