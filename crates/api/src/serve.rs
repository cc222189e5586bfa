//! One API process from settings to the last answered request.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use agent_brand::BrandCacheSettings;
pub use agent_brand::BrandGuard;
use agent_config::{ApiSettings, DatabaseSettings};
use agent_persistence::{Db, DbSettings};
use agent_routes::{LEGACY_PREFIXES, RouteState, middleware::EdgeSettings, ops::health::OpsState};
use agent_services::{App, Clock, Core, wiring};
use agent_telemetry::{Metrics, ops, sd};
use anyhow::Context as _;
use axum::Router;
use tokio::net::{TcpListener, TcpSocket};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    brand_feed,
    directory::PostgresDirectory,
    server::{self, ServerSettings},
};

/// Value of the label `service` in every metric and log line (P-012).
pub const SERVICE: &str = "agent_service";
/// Connections that may wait to be accepted. The usual 128 are full when some hundred clients come at
/// once; the kernel drops the rest, which try again after one, three and seven seconds. The kernel has
/// a limit of its own (`somaxconn`).
const BACKLOG: u32 = 4096;
/// Longest request line plus headers.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How often the pool's gauges are read.
const POOL_GAUGE_INTERVAL: Duration = Duration::from_secs(5);
/// How long background tasks, and messages for the SMS provider, may go on after the last request
/// at least: one may wait for a server that does not answer.
const BACKGROUND_END: Duration = Duration::from_secs(1);

/// An API that is put together but does not listen yet.
pub struct Api {
    pub app: App,
    pub guard: BrandGuard,
    pub ops: OpsState,
    pub router: Router,
    pub metrics: Arc<Metrics>,
}

/// Puts the API together. Nothing is connected yet, so it succeeds while database and Redis are
/// away.
///
/// # Errors
/// The settings do not work together.
pub fn assemble(settings: &ApiSettings, clock: Clock) -> anyhow::Result<Api> {
    let metrics = Metrics::new(SERVICE);
    let core = wiring::core(
        &settings.database,
        &settings.redis,
        "agent-api",
        metrics.clone(),
        clock,
    )?;
    let app = wiring::app(settings, core.clone())?;
    let directory = Arc::new(PostgresDirectory {
        db: core.db.clone(),
    });
    let caches = BrandCacheSettings::default();
    let guard = BrandGuard::new(
        directory,
        settings.brand_enforcement,
        metrics.clone(),
        caches,
    );
    let stale = chrono::Duration::from_std(settings.heartbeat.stale)?;
    // Connections of its own: a busy pool must not make the service look ill.
    let ops_core = Core {
        db: Db::open(&ops_database(&settings.database))?,
        ..core
    };
    let ops = OpsState::new(ops_core, app.tokens.jwks(), stale);
    let state = RouteState {
        app: app.clone(),
        guard: guard.clone(),
    };
    let edge = EdgeSettings {
        request_timeout: settings.http.request_timeout,
        max_body_bytes: settings.http.max_body_bytes,
        trusted_proxies: settings.http.trusted_proxies.clone(),
        legacy_prefixes: LEGACY_PREFIXES,
    };
    let router = agent_routes::router(&state, ops.clone(), edge, metrics.clone())?;
    Ok(Api {
        app,
        guard,
        ops,
        router,
        metrics,
    })
}

/// Enough for `/health` and `/health/ready` at once.
fn ops_database(settings: &DatabaseSettings) -> DbSettings {
    DbSettings {
        max_connections: 2,
        ..wiring::db_settings(settings, "agent-api-ops")
    }
}

/// The listeners of a process, bound before anything else happens.
pub struct Listeners {
    pub http: TcpListener,
    pub metrics: TcpListener,
}

impl Listeners {
    /// # Errors
    /// An address is taken or not ours.
    pub fn bind(settings: &ApiSettings) -> anyhow::Result<Self> {
        Ok(Self {
            http: bind("HTTP_LISTEN", settings.http.listen)?,
            metrics: bind("METRICS_LISTEN", settings.http.metrics_listen)?,
        })
    }
}

fn bind(variable: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    listen(address).with_context(|| format!("{variable}: cannot listen on {address}"))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // As for any listener: a port whose last connections linger may be taken again.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `shutdown`, then drains: no new connections, requests in flight finish, late
/// signals and messages go out.
///
/// # Errors
/// The listener broke.
pub async fn run(
    api: Api,
    listeners: Listeners,
    settings: &ApiSettings,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let Api {
        app,
        guard,
        ops,
        router,
        metrics,
    } = api;
    let core = app.core.clone();
    let background = CancellationToken::new();
    let tasks = TaskTracker::new();
    let feed = brand_feed::follow(core.kv.clone(), guard, background.clone());
    tasks.spawn(feed);
    let signals =
        core.wake
            .clone()
            .publish_loop(core.kv.clone(), metrics.clone(), background.clone());
    tasks.spawn(signals);
    tasks.spawn(watch_database(
        app.clone(),
        settings.environment.is_prod_grade(),
        background.clone(),
    ));
    let report = ops.clone();
    let health = move || -> futures_util::future::BoxFuture<'static, _> {
        let ops = report.clone();
        Box::pin(async move { ops.health().await })
    };
    tasks.spawn(ops::serve(
        listeners.metrics,
        metrics.clone(),
        health,
        background.clone(),
    ));
    let stop_began = Arc::new(OnceLock::new());
    tokio::spawn({
        let (shutdown, stop_began) = (shutdown.clone(), stop_began.clone());
        async move {
            shutdown.cancelled().await;
            stop_began.get_or_init(Instant::now);
            ops.drain();
        }
    });
    sd::ready(&metrics);
    tracing::info!(address = %listeners.http.local_addr()?, "listening");
    let limits = ServerSettings {
        head_timeout: settings.http.head_timeout,
        body_idle_timeout: settings.http.body_idle_timeout,
        max_head_bytes: MAX_HEAD_BYTES,
        max_connections: settings.http.max_connections,
        drain_timeout: settings.http.drain_timeout,
    };
    let served = server::serve(listeners.http, router, limits, metrics.clone(), shutdown).await;
    sd::stopping(&metrics);
    background.cancel();
    tasks.close();
    // What the requests left of the time to drain is the messages'.
    let spent = stop_began.get().map_or(Duration::ZERO, Instant::elapsed);
    let patience = settings.http.drain_timeout.saturating_sub(spent);
    let (ended, ()) = tokio::join!(
        tokio::time::timeout(BACKGROUND_END, tasks.wait()),
        app.sms.drain(patience.max(BACKGROUND_END)),
    );
    if ended.is_err() {
        tracing::warn!("a background task did not end in time");
    }
    core.db.close().await;
    tracing::info!("stopped");
    Ok(served?)
}

/// Keeps the pool's gauges, and once, as soon as the database answers, judges the rights that
/// this process works with.
async fn watch_database(app: App, production: bool, shutdown: CancellationToken) {
    let mut judged = false;
    let mut ticks = tokio::time::interval(POOL_GAUGE_INTERVAL);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = shutdown.cancelled() => return,
        }
        let core = &app.core;
        let (used, idle) = core.db.connections();
        let gauge = &core.metrics.db_pool_connections;
        gauge.with_label_values(&["used"]).set(i64::from(used));
        gauge.with_label_values(&["idle"]).set(i64::from(idle));
        if !judged && let Ok(report) = core.db.role_report().await {
            judged = true;
            core.metrics
                .db_role_overprivileged
                .set(i64::from(!report.excess.is_empty()));
            if production && !report.excess.is_empty() {
                tracing::warn!(role = report.role, excess = ?report.excess, "the database role may do too much");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::net::TcpStream;

    use super::*;

    /// Nobody accepts, and no connection has to be tried again, which would take a second.
    #[tokio::test]
    async fn hundreds_of_clients_at_once_find_room() {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let connecting = join_all((0..400).map(|_| TcpStream::connect(address)));
        let connected = tokio::time::timeout(Duration::from_millis(900), connecting).await;
        assert!(connected.unwrap().iter().all(Result::is_ok));
    }
}
