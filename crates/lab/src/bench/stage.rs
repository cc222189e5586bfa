//! An API over servers of its own, with accounts that have phones.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use agent_config::{ApiSettings, Env};
use agent_crypto::{BlindIndexKind, DerivedKeys, NoObserver, PiiCipher, PiiColumn, PiiSettings};
use agent_devenv::{
    EnsureOptions, PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer,
    ensure, net::free_port, private_directory, workspace_root,
};
use agent_persistence::migrate;
use anyhow::{Context as _, bail};
use axum::{Router, routing::post};
use sqlx::{PgPool, postgres::PgPoolOptions};

/// Host of the one brand.
pub(super) const HOST: &str = "bench.test";
const PATIENCE: Duration = Duration::from_secs(20);

/// Whom a request names.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) username: String,
    pub(super) phone: String,
}

impl Account {
    /// The given number makes both names unlike all others.
    pub(super) fn numbered(name: &str, prefix: u32, number: usize) -> Self {
        Self {
            username: format!("{name}_{number:04}"),
            phone: format!("+66{prefix}{number:05}"),
        }
    }
}

/// All of it goes with this value.
pub(super) struct Stage {
    pub(super) address: SocketAddr,
    api: Child,
    postgres: PostgresServer,
    redis: RedisServer,
    dir: PathBuf,
}

impl Stage {
    /// The settings given count beside those that a bench needs.
    pub(super) async fn set(
        overrides: &[(&str, String)],
        accounts: &[Account],
    ) -> anyhow::Result<Self> {
        let dir = std::env::temp_dir().join(format!("agent-lab-bench-{}", std::process::id()));
        // The servers run as another user where this one is root.
        private_directory(&dir, 0o711)?;
        let (postgres_port, redis_port) = (free_port()?, free_port()?);
        let (postgres, redis) = servers(&dir, postgres_port, redis_port)?;
        let database = format!("postgres://postgres@127.0.0.1:{postgres_port}/postgres");
        migrate::run(&database).await?;
        let mut environment = keys();
        let address = free_address()?;
        for (name, value) in [
            ("DATABASE_URL", database.clone()),
            ("REDIS_URL", format!("redis://127.0.0.1:{redis_port}/0")),
            ("HTTP_LISTEN", address.to_string()),
            ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
            ("SMS_URL", sms_provider().await?),
        ]
        .into_iter()
        .chain(overrides.iter().cloned())
        {
            environment.insert(name.to_owned(), value);
        }
        let settings = ApiSettings::load(&Env::from_pairs(environment.clone()))?;
        let owner = PgPoolOptions::new().max_connections(1);
        let owner = owner.connect(&database).await?;
        write(&owner, &settings, accounts).await?;
        owner.close().await;
        let mut stage = Self {
            address,
            api: start(&environment)?,
            postgres,
            redis,
            dir,
        };
        stage.wait_until_alive().await?;
        Ok(stage)
    }

    async fn wait_until_alive(&mut self) -> anyhow::Result<()> {
        let started = std::time::Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            if self.api.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("the API did not come up");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Dead already, or only space is lost: nothing to do.
        self.api.kill().ok();
        self.api.wait().ok();
        self.postgres.stop(PATIENCE);
        self.redis.stop(PATIENCE);
        std::fs::remove_dir_all(&self.dir).ok();
    }
}

fn servers(
    dir: &std::path::Path,
    postgres_port: u16,
    redis_port: u16,
) -> anyhow::Result<(PostgresServer, RedisServer)> {
    let tools = ensure(&EnsureOptions::from_environment(&workspace_root()))?;
    let postgres = PostgresConfig {
        data_dir: dir.join("postgres"),
        port: postgres_port,
        profile: PostgresProfile::Throwaway,
        password: None,
        log: dir.join("postgres.log"),
        template_cache: None,
    };
    let redis = RedisConfig {
        dir: dir.join("redis"),
        port: redis_port,
        durable: false,
        databases: 1,
        password: None,
        log: dir.join("redis.log"),
    };
    Ok((
        PostgresServer::start(&tools.postgres, &postgres)?,
        RedisServer::start(&tools.redis, &redis)?,
    ))
}

/// Keys that are used here and nowhere else.
fn keys() -> BTreeMap<String, String> {
    let pairs = [
        ("SECRET_KEY", "bench-secret-key-0123456789abcdef"),
        ("PASSWORD_SALT", "bench-password-salt"),
        (
            "AES_KEY",
            "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        ),
        ("AES_IV", "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
        ("MULTI_BRAND_ENFORCEMENT", "enforce"),
        ("LOG_FILTER", "error"),
    ];
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    pairs.into_iter().map(owned).collect()
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// Takes every message at once.
async fn sms_provider() -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/send", post(async || "{}"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}/send"))
}

/// The API that was built together with this program.
fn start(environment: &BTreeMap<String, String>) -> anyhow::Result<Child> {
    let binary = std::env::current_exe()?.with_file_name("agent-api");
    Command::new(&binary)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))
}

async fn write(owner: &PgPool, settings: &ApiSettings, accounts: &[Account]) -> anyhow::Result<()> {
    let keys = &settings.keys;
    let root = keys.secret_key.as_ref().context("SECRET_KEY")?;
    let index = DerivedKeys::new(root, keys.blind_index_key.as_ref());
    let cipher = PiiSettings {
        key: keys.aes_key.clone(),
        iv: keys.aes_iv.clone(),
        ..PiiSettings::default()
    };
    let cipher = PiiCipher::new(cipher, Arc::new(NoObserver));
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO brand (brand_id, code, name, timezone, currency, phone_country, withdraw_min, \
                            withdraw_max, withdraw_fee_rate) \
         VALUES (1, 'bench', 'Bench', 'Asia/Bangkok', 'THB', '66', 500, 50000, 0.01); \
         INSERT INTO brand_domain (domain, brand_id, kind) VALUES ('{HOST}', 1, 'agent')"
    )))
    .execute(owner)
    .await?;
    for account in accounts {
        sqlx::query(
            "WITH made AS ( \
                 INSERT INTO agent (username, password_hash, invite_code, nick_name, phone_num, phone_bidx) \
                 VALUES ($1, 'none', 'invite-' || $1, $1, $2, $3) RETURNING guid) \
             INSERT INTO agent_brand (agent_id, brand_id, status) SELECT guid, 1, 'enabled' FROM made",
        )
        .bind(&account.username)
        .bind(cipher.encrypt(PiiColumn::Phone, &account.phone)?)
        .bind(&index.blind_index(BlindIndexKind::Phone, &account.phone)[..])
        .execute(owner)
        .await?;
    }
    Ok(())
}
