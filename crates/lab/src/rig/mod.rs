//! What measurements stand on: servers of their own with a large database, an API, and load.

pub(crate) mod cores;
mod data;
pub(crate) mod http;
pub(crate) mod load;
pub(crate) mod machine;
mod recorder;
pub(crate) mod server_log;
mod servers;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use agent_devenv::{
    EnsureOptions, PostgresServer, RedisServer, ensure, net::free_port, private_directory,
    workspace_root,
};
use anyhow::{Context as _, ensure};
use chrono::NaiveDate;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

pub(crate) use self::servers::Api;
use self::{
    cores::Cores,
    data::DataSet,
    http::{Body, Connection},
    server_log::ServerLog,
    servers::PATIENCE,
};
use crate::seed::{bulk::Team, logins::PASSWORD};

/// Name under which the API's connections are known to Postgres.
pub(crate) const API: &str = "agent-api";
/// How long Postgres may take to hear of a changed setting, and to write its log.
const SETTLE: Duration = Duration::from_millis(300);

/// Servers with a large database. All of it goes with this value, but the data stay.
pub(crate) struct Rig {
    pub(crate) cores: Cores,
    /// URL of the database, for its owner.
    pub(crate) database: String,
    /// Host of the brand with the large downlines.
    pub(crate) host: String,
    /// Agents with downlines of different sizes, the smallest first.
    pub(crate) teams: Vec<Team>,
    /// Last day with statistics.
    pub(crate) last_day: NaiveDate,
    log: PathBuf,
    environment: BTreeMap<String, String>,
    postgres: PostgresServer,
    redis: RedisServer,
    dir: PathBuf,
    _data: DataSet,
}

impl Rig {
    /// With so many players.
    pub(crate) async fn set(players: u32) -> anyhow::Result<Self> {
        let root = workspace_root();
        let data = DataSet::open(&root, players)?;
        let cores = Cores::of_this_machine();
        let tools = ensure(&EnsureOptions::from_environment(&root))?;
        let dir = std::env::temp_dir().join(format!("agent-lab-rig-{}", std::process::id()));
        private_directory(&dir, 0o711)?;
        let (postgres_port, redis_port) = (free_port()?, free_port()?);
        let log = dir.join("postgres.log");
        let mut redis = servers::redis(&tools, &dir, redis_port)?;
        let database = servers::database(postgres_port);
        let environment = environment(&database, redis_port);
        let own = std::env::current_exe()?;
        let seed = || {
            let mut command = std::process::Command::new(own);
            command.envs(&environment);
            command
        };
        let postgres = match data.start(&tools, postgres_port, &log, seed).await {
            Ok(postgres) => postgres,
            Err(error) => {
                redis.stop(PATIENCE);
                return Err(error);
            }
        };
        let mut rig = Self {
            cores,
            host: String::new(),
            teams: Vec::new(),
            last_day: NaiveDate::MIN,
            database,
            log,
            environment,
            postgres,
            redis,
            dir,
            _data: data,
        };
        rig.look_around().await?;
        cores.move_to_product(rig.postgres.id().pid)?;
        cores.move_to_product(rig.redis.id().pid)?;
        Ok(rig)
    }

    async fn look_around(&mut self) -> anyhow::Result<()> {
        let mut owner = self.owner().await?;
        // What an interrupted run left set.
        sqlx::raw_sql("ALTER SYSTEM RESET ALL")
            .execute(&mut owner)
            .await?;
        self.reload(&mut owner).await?;
        let (brand, host, last_day): (i64, String, NaiveDate) = sqlx::query_as(
            "SELECT brand_id, min(d.domain), \
                    (SELECT max(stat_date) FROM player_stat_daily s WHERE s.brand_id = b.brand_id) \
             FROM brand b JOIN brand_domain d USING (brand_id) \
             WHERE b.code = 'brand-a' AND d.kind = 'agent' GROUP BY 1",
        )
        .fetch_one(&mut owner)
        .await?;
        self.host = host;
        self.last_day = last_day;
        self.teams = Team::near(&mut owner, brand, &[10_000, 100_000, 10_000_000]).await?;
        owner.close().await?;
        Ok(())
    }

    pub(crate) async fn owner(&self) -> anyhow::Result<PgConnection> {
        Ok(PgConnection::connect(&self.database).await?)
    }

    /// An API on the core of the product; the settings given count beside those of every rig.
    pub(crate) async fn api(&self, overrides: &[(&str, &str)]) -> anyhow::Result<Api> {
        let binary = load::beside_this_program("agent-api")?;
        let mut environment = self.environment.clone();
        for (name, value) in overrides {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        Api::start(self.cores.product(&binary), &environment).await
    }

    /// An access token of a demo account.
    pub(crate) fn sign_in(&self, api: &Api, username: &str) -> anyhow::Result<String> {
        let mut connection = Connection::open(api.address())?;
        let body = json!({ "username": username, "password": PASSWORD });
        let login = http::post(&self.host, "/agent/login", "", &body);
        let answer = connection.ask(&login, Body::Keep)?;
        ensure!(answer.status == 200, "{username} cannot sign in");
        let token = connection.json()?["access_token"]
            .as_str()
            .map(str::to_owned);
        token.context("an access token")
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

impl Drop for Rig {
    fn drop(&mut self) {
        // Only space is lost where something cannot be removed.
        self.postgres.stop(PATIENCE);
        self.redis.stop(PATIENCE);
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

/// Keys that are used here and nowhere else, and limits that no measurement is to meet.
fn environment(database: &str, redis_port: u16) -> BTreeMap<String, String> {
    let pairs = [
        ("DATABASE_URL", database.to_owned()),
        ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}/0")),
        ("SECRET_KEY", "bench-secret-key-0123456789abcdef".to_owned()),
        ("PASSWORD_SALT", "bench-password-salt".to_owned()),
        (
            "AES_KEY",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".to_owned(),
        ),
        ("AES_IV", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff".to_owned()),
        ("MULTI_BRAND_ENFORCEMENT", "enforce".to_owned()),
        ("LOG_FILTER", "error".to_owned()),
        // Longer than any measurement.
        ("ACCESS_TOKEN_TTL_SECONDS", "3600".to_owned()),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}
