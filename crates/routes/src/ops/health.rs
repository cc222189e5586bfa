//! `/health`, `/health/live`, `/health/ready` and the public keys.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use agent_persistence::migrate;
use agent_services::Core;
use agent_telemetry::{CheckState, HealthReport};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::Value;
use tokio::sync::Mutex;
use utoipa::ToSchema;

/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(1);
/// No check may take longer, or the health of a struggling service could not be asked.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

/// What the ops routes work with.
#[derive(Clone)]
pub struct OpsState {
    core: Core,
    jwks: Arc<Value>,
    heartbeat_stale: chrono::Duration,
    draining: Arc<AtomicBool>,
    health: Arc<Fresh<HealthReport>>,
    migrated: Arc<Fresh<bool>>,
}

/// What each dependency said.
#[derive(Serialize, ToSchema)]
pub struct HealthView {
    /// `ok`, `degraded` or `unhealthy`.
    status: String,
    service: String,
    checks: BTreeMap<String, String>,
}

impl OpsState {
    #[must_use]
    pub fn new(core: Core, jwks: Value, heartbeat_stale: chrono::Duration) -> Self {
        Self {
            core,
            jwks: Arc::new(jwks),
            heartbeat_stale,
            draining: Arc::default(),
            health: Arc::default(),
            migrated: Arc::default(),
        }
    }

    /// From now on `/health/ready` says no, so that a balancer sends nothing new.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// The state of what the API depends on, at most a second old. Callers at once share one
    /// check.
    pub async fn health(&self) -> HealthReport {
        self.health.get(|| self.check()).await
    }

    async fn check(&self) -> HealthReport {
        let (database, redis, worker) = tokio::join!(self.database(), self.redis(), self.worker());
        HealthReport::new(self.core.metrics.service())
            .with("database", database)
            .with("redis", redis)
            .with("worker", worker)
    }

    async fn database(&self) -> CheckState {
        match tokio::time::timeout(CHECK_TIMEOUT, self.core.db.ping()).await {
            Ok(Ok(())) => CheckState::Ok,
            _ => CheckState::Unhealthy,
        }
    }

    async fn redis(&self) -> CheckState {
        match tokio::time::timeout(CHECK_TIMEOUT, self.core.kv.ping()).await {
            Ok(Ok(())) => CheckState::Ok,
            _ => CheckState::Unhealthy,
        }
    }

    /// A worker that is away delays events; it takes nothing from the API.
    async fn worker(&self) -> CheckState {
        let oldest = self.core.clock.now() - self.heartbeat_stale;
        match tokio::time::timeout(CHECK_TIMEOUT, self.core.kv.latest()).await {
            Ok(Ok(beats)) if beats.iter().any(|beat| beat.at >= oldest) => CheckState::Ok,
            _ => CheckState::Degraded,
        }
    }

    async fn ready(&self) -> bool {
        !self.draining.load(Ordering::Relaxed) && self.migrated.get(|| self.migrated_now()).await
    }

    async fn migrated_now(&self) -> bool {
        let current = migrate::is_current(&self.core.db);
        matches!(
            tokio::time::timeout(CHECK_TIMEOUT, current).await,
            Ok(Ok(true))
        )
    }
}

/// An answer that is good for [`FRESH`]: anybody may ask for it, however often.
struct Fresh<T>(Mutex<Option<(Instant, T)>>);

impl<T> Default for Fresh<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T: Clone> Fresh<T> {
    async fn get<Fut: Future<Output = T>>(&self, make: impl FnOnce() -> Fut) -> T {
        let mut kept = self.0.lock().await;
        if let Some((at, value)) = kept.as_ref()
            && at.elapsed() < FRESH
        {
            return value.clone();
        }
        let value = make().await;
        *kept = Some((Instant::now(), value.clone()));
        value
    }
}

/// Database, Redis and worker.
#[utoipa::path(get, path = "/health", tag = "ops", responses(
    (status = 200, description = "`ok`, or `degraded` while no worker shows a sign of life", body = HealthView),
    (status = 503, description = "Database or Redis is down", body = HealthView),
))]
pub async fn health(State(ops): State<OpsState>) -> Response {
    let report = ops.health().await;
    let status =
        StatusCode::from_u16(report.http_status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    (status, no_store(), Json(report)).into_response()
}

/// The process answers.
#[utoipa::path(get, path = "/health/live", tag = "ops", responses(
    (status = 204, description = "Alive"),
))]
pub async fn live() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// The database is reachable and migrated, and the process is not stopping.
#[utoipa::path(get, path = "/health/ready", tag = "ops", responses(
    (status = 204, description = "Send requests"),
    (status = 503, description = "Send none", body = crate::error::ProblemDocument),
))]
pub async fn ready(State(ops): State<OpsState>) -> StatusCode {
    if ops.ready().await {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

/// The public keys that verify access tokens (RFC 7517), earlier ones included.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "ops", responses(
    (status = 200, description = "A JWK set", body = serde_json::Value),
))]
pub async fn jwks(State(ops): State<OpsState>) -> Response {
    let caching = [(
        header::CACHE_CONTROL,
        HeaderValue::from_static("public, max-age=300"),
    )];
    (caching, Json(&*ops.jwks)).into_response()
}

fn no_store() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
