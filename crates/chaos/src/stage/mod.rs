//! What is broken and what it is broken with: servers, proxies, processes, a world of agents.

pub(crate) mod process;
mod servers;
mod settings;
pub(crate) mod world;

use std::{
    collections::{BTreeMap, HashSet},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use agent_chaos::proxy::Proxy;
use agent_config::{ApiSettings, Env};
use agent_persistence::{migrate, outbox};
use agent_services::{App, Clock, wiring};
use agent_telemetry::Metrics;
use anyhow::Context as _;
use axum::{Router, routing::post};
use redis::{AsyncConnectionConfig, aio::MultiplexedConnection};
use sqlx::{PgPool, postgres::PgPoolOptions};

use crate::{
    history::History,
    journal::{Journal, Rule},
};
use process::{Launch, Process};
use servers::Servers;
use world::World;

/// However slow the machine: later than this, what waits is stuck.
const QUIET_WITHIN: Duration = Duration::from_secs(120);
const POLL: Duration = Duration::from_millis(200);
/// Waited for after the last row is gone, so that nothing is on its way any more.
const SETTLES: Duration = Duration::from_secs(3);

/// A way between two parties that can be disturbed.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) proxy: Proxy,
}

/// Number of the API among [`Stage::processes`]; the workers follow.
pub(crate) const API: usize = 0;
/// Number of the clients' way to the API among [`Stage::links`]; after it come, for each process,
/// its way to Postgres and its way to Redis.
pub(crate) const CLIENTS: usize = 0;

/// Dropped in the order of its fields: processes first, servers last.
pub(crate) struct Stage {
    pub(crate) processes: Vec<Process>,
    pub(crate) links: Vec<Link>,
    pub(crate) world: World,
    /// The use cases in this process, not through any proxy.
    pub(crate) app: App,
    /// With the owner's rights, not through any proxy.
    pub(crate) owner: PgPool,
    pub(crate) redis: MultiplexedConnection,
    pub(crate) journal: Journal,
    pub(crate) history: tokio::sync::Mutex<History>,
    /// Texts that must not be in any log.
    secrets: Mutex<HashSet<String>>,
    /// Events that the relay has to park.
    pub(crate) poison: Mutex<HashSet<uuid::Uuid>>,
    /// For operators' commands, not through any proxy.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) servers: Mutex<Servers>,
}

impl Stage {
    pub(crate) async fn set(seed: u64, workers: usize, agents: usize) -> anyhow::Result<Self> {
        let servers = tokio::task::spawn_blocking(move || Servers::start(seed)).await??;
        let (database, redis_url) = (servers.database_url(), servers.redis_url());
        migrate::run(&database).await?;
        let log_dir = servers.dir().to_owned();
        let jwt = agent_crypto::jwt::generate_private_pem()?;
        let own = [
            ("JWT_PRIVATE_KEY", jwt.to_string()),
            ("SMS_URL", sms_provider().await?),
        ];
        let patient = settings::PATIENT.map(|(name, value)| (name, value.to_owned()));
        let direct = [&own[..], &patient].concat();
        let direct = settings::environment(&database, &redis_url, &direct);
        let api_settings = ApiSettings::load(&Env::from_pairs(direct.clone()))?;
        let core = wiring::core(
            &api_settings.database,
            &api_settings.redis,
            "agent-chaos",
            Metrics::new("agent_chaos"),
            Clock::system(),
        )?;
        let app = wiring::app(&api_settings, core)?;
        let owner = PgPoolOptions::new().max_connections(24);
        let owner = owner.connect(&database).await?;
        let mut world = world::make(&owner, &app, agents).await?;
        let secrets = std::mem::take(&mut world.secrets).into_iter().collect();

        let address = free_address()?;
        let clients = Proxy::seeded(&format!("http://{address}/"), seed).await?;
        let mut links = vec![Link {
            name: "clients - api".to_owned(),
            proxy: clients,
        }];
        let mut processes = Vec::new();
        for number in 0..=workers {
            let (name, binary, address) = match number {
                API => ("api".to_owned(), "agent-api", address),
                _ => (format!("worker-{number}"), "agent-worker", free_address()?),
            };
            let before_database = Proxy::seeded(&database, seed).await?;
            let before_redis = Proxy::seeded(&redis_url, seed).await?;
            let mut own = own.to_vec();
            own.extend(match number {
                API => [
                    ("HTTP_LISTEN", address.to_string()),
                    ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
                ],
                _ => [
                    ("WORKER_LISTEN", address.to_string()),
                    ("WORKER_INSTANCE", name.clone()),
                ],
            });
            processes.push(Process::new(Launch {
                binary,
                environment: settings::environment(
                    &before_database.url(&database),
                    &before_redis.url(&redis_url),
                    &own,
                ),
                address,
                log_dir: log_dir.clone(),
                name: name.clone(),
            }));
            links.extend([
                Link {
                    name: format!("{name} - postgres"),
                    proxy: before_database,
                },
                Link {
                    name: format!("{name} - redis"),
                    proxy: before_redis,
                },
            ]);
        }
        let stage = Self {
            processes,
            links,
            world,
            app,
            owner,
            redis: connect(&redis_url).await?,
            journal: Journal::new(),
            history: tokio::sync::Mutex::default(),
            secrets: Mutex::new(secrets),
            poison: Mutex::default(),
            environment: direct,
            servers: Mutex::new(servers),
        };
        for process in &stage.processes {
            process.start().await?;
        }
        Ok(stage)
    }

    /// Where the API is reached without a proxy.
    pub(crate) fn api_address(&self) -> SocketAddr {
        self.processes[API].launch.address
    }

    /// A text that must not be in any log.
    pub(crate) fn plant(&self, secret: &str) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(secret.to_owned());
    }

    pub(crate) fn secrets(&self) -> Vec<String> {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.iter().cloned().collect()
    }

    /// Waits until every process says that it is well and no event waits. What does not come to
    /// rest is a finding.
    pub(crate) async fn until_quiet(&self) -> anyhow::Result<()> {
        let started = Instant::now();
        for process in &self.processes {
            while !is_healthy(process.launch.address).await {
                if started.elapsed() > QUIET_WITHIN {
                    let text = format!("{} is not healthy again", process.name());
                    self.journal.broken(Rule::Recovers, text);
                    break;
                }
                tokio::time::sleep(POLL).await;
            }
        }
        loop {
            let backlog = outbox::backlog(self.app.core.db.pool()).await?;
            if backlog.pending == 0 {
                break;
            }
            if started.elapsed() > QUIET_WITHIN {
                let text = format!("{} events still wait", backlog.pending);
                self.journal.broken(Rule::Recovers, text);
                break;
            }
            tokio::time::sleep(POLL).await;
        }
        self.journal.note(
            Rule::Recovers,
            format!("after {:.1} s", started.elapsed().as_secs_f64()),
        );
        tokio::time::sleep(SETTLES).await;
        Ok(())
    }
}

/// Whether `/health` says 200.
async fn is_healthy(address: SocketAddr) -> bool {
    let asked = reqwest::get(format!("http://{address}/health"));
    let within = tokio::time::timeout(Duration::from_secs(10), asked).await;
    within.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success()))
}

fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.local_addr().context("the address of a port")
}

async fn connect(redis_url: &str) -> anyhow::Result<MultiplexedConnection> {
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(QUIET_WITHIN));
    let client = redis::Client::open(redis_url)?;
    let connected = client.get_multiplexed_async_connection_with_config(&patient);
    Ok(connected.await?)
}

/// Takes every message at once.
async fn sms_provider() -> anyhow::Result<String> {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().route("/send", post(async || "{}"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}/send"))
}

/// Of an [`Arc`] that all acts and clients hold.
pub(crate) type Shared = Arc<Stage>;
