//! What measurements stand on: servers of their own, programs on a core of their own, and load.

pub(crate) mod cores;
mod data;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod machine;
mod populated;
mod recorder;
pub(crate) mod server_log;
pub(crate) mod servers;
pub(crate) mod site;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use agent_config::{ApiSettings, Env};
use agent_persistence::migrate;
use sqlx::{Connection as _, PgConnection};

use self::{
    cores::Cores,
    server_log::ServerLog,
    servers::{Postgres, Redis},
    site::{Folder, Site},
};
pub(crate) use self::{populated::Populated, servers::Server};
use crate::context::Lab;

/// Name under which the API's connections are known to Postgres.
pub(crate) const API: &str = "agent-api";
/// How long Postgres may take to hear of a changed setting, and to write its log.
const SETTLE: Duration = Duration::from_millis(300);

/// Postgres and Redis on the core of the product. All of it goes with this value.
pub(crate) struct Rig {
    pub(crate) cores: Cores,
    /// URL of the database, for its owner.
    pub(crate) database: String,
    log: PathBuf,
    environment: BTreeMap<String, String>,
    postgres: Postgres,
    redis: Redis,
    /// The last one: the servers have their files in it.
    _folder: Folder,
}

impl Rig {
    /// With the newest schema and nothing in it. The settings given count for every program, beside
    /// those of every rig.
    pub(crate) async fn empty(overrides: &[(&str, &str)]) -> anyhow::Result<Self> {
        let site = Site::choose(overrides)?;
        let postgres = site.new_postgres()?;
        let rig = site.rig(postgres)?;
        migrate::run(&rig.database).await?;
        Ok(rig)
    }

    pub(crate) async fn owner(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.database).await?)
    }

    /// The settings of its programs, and connections made from them.
    pub(crate) fn lab(&self) -> anyhow::Result<Lab> {
        let settings = ApiSettings::load(&Env::from_pairs(self.environment.clone()))?;
        Ok(Lab { settings })
    }

    pub(crate) async fn api(&self, overrides: &[(&str, &str)]) -> anyhow::Result<Server> {
        self.serve("agent-api", &[], overrides).await
    }

    /// A program of this build on the core of the product; the settings given count beside those
    /// of every rig.
    pub(crate) async fn serve(
        &self,
        program: &str,
        arguments: &[&str],
        overrides: &[(&str, &str)],
    ) -> anyhow::Result<Server> {
        let binary = load::beside_this_program(program)?;
        let mut environment = self.environment.clone();
        for (name, value) in overrides {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut command = self.cores.product(&binary);
        command.args(arguments);
        Server::start(command, &environment).await
    }

    /// Settings for all sessions, also those that are open; undone by [`Self::reset`].
    pub(crate) async fn configure(&self, settings: &[(&str, &str)]) -> anyhow::Result<()> {
        let mut owner = self.owner().await?;
        // Its settings are unknown before.
        sqlx::raw_sql("LOAD 'auto_explain'")
            .execute(&mut owner)
            .await?;
        for (name, value) in settings {
            let statement = format!("ALTER SYSTEM SET {name} = '{value}'");
            sqlx::raw_sql(sqlx::AssertSqlSafe(statement))
                .execute(&mut owner)
                .await?;
        }
        self.reload(&mut owner).await?;
        Ok(owner.close().await?)
    }

    pub(crate) async fn reset(&self) -> anyhow::Result<()> {
        let mut owner = self.owner().await?;
        sqlx::raw_sql("ALTER SYSTEM RESET ALL")
            .execute(&mut owner)
            .await?;
        self.reload(&mut owner).await?;
        Ok(owner.close().await?)
    }

    async fn reload(&self, owner: &mut PgConnection) -> anyhow::Result<()> {
        sqlx::raw_sql("SELECT pg_reload_conf()")
            .execute(owner)
            .await?;
        tokio::time::sleep(SETTLE).await;
        Ok(())
    }

    /// What Postgres logs from now on.
    pub(crate) fn server_log(&self) -> anyhow::Result<ServerLog> {
        let mut log = ServerLog::new(self.log.clone());
        log.news()?;
        Ok(log)
    }
}
