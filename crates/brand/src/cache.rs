//! What was looked up in the last minute (P-168).
//!
//! Three properties matter more than speed. A value is never older than the lifetime, counted from
//! *before* the directory was asked. An invalidation also beats a look-up that is still under way.
//! An error is never remembered.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use agent_domain::{AgentGuid, Brand};
use agent_telemetry::Metrics;
use moka::{Expiry, future::Cache};

use crate::{BrandDirectory, DirectoryError, Host};

/// How long and how much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct BrandCacheSettings {
    /// Oldest age of an answer; bounds how long a lost message can go unnoticed.
    pub ttl: Duration,
    /// Most entries of each cache: agents, known hosts, unknown hosts.
    pub capacity: u64,
}

impl Default for BrandCacheSettings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(60),
            capacity: 20_000,
        }
    }
}

/// Why everything was forgotten: a label of `brand_cache_flush_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushReason {
    /// The subscription was (re)made: messages may have been missed.
    Subscribed,
    /// A message named no agent.
    Message,
    /// An operator or an internal caller asked.
    Requested,
}

impl FlushReason {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Subscribed => "subscribed",
            Self::Message => "message",
            Self::Requested => "requested",
        }
    }
}

/// The brands that an agent may serve.
pub(crate) type AllowList = Arc<[Arc<Brand>]>;

/// Why a look-up found no brand. It takes the way of an error, because the cache of known hosts
/// must not keep it.
#[derive(Clone)]
enum NoBrand {
    UnknownHost { asked_at: Instant },
    Failed(Arc<DirectoryError>),
}

/// Part of every cache key. Bumping a generation makes the older entries unreachable, even one
/// that a look-up already under way is about to insert; they leave by age. A shard is shared by
/// some agents, which at worst are looked up once more.
struct Generations(Box<[AtomicU64]>);

impl Generations {
    const SHARDS: usize = 1024;

    fn new() -> Self {
        Self((0..Self::SHARDS).map(|_| AtomicU64::new(0)).collect())
    }

    fn shard(&self, agent: AgentGuid) -> &AtomicU64 {
        &self.0[agent.0.unsigned_abs() as usize % Self::SHARDS]
    }

    fn of(&self, agent: AgentGuid) -> u64 {
        self.shard(agent).load(Ordering::SeqCst)
    }

    fn bump(&self, agent: AgentGuid) {
        self.shard(agent).fetch_add(1, Ordering::SeqCst);
    }

    fn bump_all(&self) {
        for generation in &self.0 {
            generation.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// A value and the moment before it was asked for.
#[derive(Clone)]
struct Dated<V> {
    value: V,
    asked_at: Instant,
}

/// Counts the lifetime from the question, not from the insertion: a slow answer is no fresher.
struct SinceAsked(Duration);

impl<K, V> Expiry<K, Dated<V>> for SinceAsked {
    fn expire_after_create(
        &self,
        _: &K,
        dated: &Dated<V>,
        created_at: Instant,
    ) -> Option<Duration> {
        let age = created_at.saturating_duration_since(dated.asked_at);
        Some(self.0.saturating_sub(age))
    }
}

fn cache<K, V>(settings: BrandCacheSettings) -> Cache<K, Dated<V>>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder()
        .max_capacity(settings.capacity)
        .expire_after(SinceAsked(settings.ttl))
        .build()
}

pub(crate) struct Caches {
    directory: Arc<dyn BrandDirectory>,
    metrics: Arc<Metrics>,
    agents: Cache<(AgentGuid, u64), Dated<AllowList>>,
    agent_generations: Generations,
    hosts: Cache<(Host, u64), Dated<Arc<Brand>>>,
    /// Apart from the known ones, so that a flood of invented hosts cannot push those out.
    unknown_hosts: Cache<(Host, u64), Dated<()>>,
    host_generation: AtomicU64,
}

impl Caches {
    pub(crate) fn new(
        directory: Arc<dyn BrandDirectory>,
        metrics: Arc<Metrics>,
        settings: BrandCacheSettings,
    ) -> Self {
        Self {
            directory,
            metrics,
            agents: cache(settings),
            agent_generations: Generations::new(),
            hosts: cache(settings),
            unknown_hosts: cache(settings),
            host_generation: AtomicU64::new(0),
        }
    }

    /// The agent's allow list. Requests that miss at the same time share one look-up.
    pub(crate) async fn allow_list(
        &self,
        agent: AgentGuid,
    ) -> Result<AllowList, Arc<DirectoryError>> {
        let key = (agent, self.agent_generations.of(agent));
        if let Some(known) = self.agents.get(&key).await {
            self.count("agent", "hit");
            return Ok(known.value);
        }
        let loaded = self.agents.try_get_with(key, self.load_allow_list(agent));
        let outcome = loaded.await;
        self.count("agent", if outcome.is_ok() { "miss" } else { "error" });
        outcome.map(|dated| dated.value)
    }

    async fn load_allow_list(&self, agent: AgentGuid) -> Result<Dated<AllowList>, DirectoryError> {
        let asked_at = Instant::now();
        let brands = self.directory.enabled_brands(agent).await?;
        let value = brands.into_iter().map(Arc::new).collect();
        Ok(Dated { value, asked_at })
    }

    /// The host's brand, `None` for a host that is nobody's. Requests that miss at the same time
    /// share one look-up.
    pub(crate) async fn brand_of_host(
        &self,
        host: &Host,
    ) -> Result<Option<Arc<Brand>>, Arc<DirectoryError>> {
        let key = (host.clone(), self.host_generation.load(Ordering::SeqCst));
        if let Some(known) = self.hosts.get(&key).await {
            self.count("host", "hit");
            return Ok(Some(known.value));
        }
        if self.unknown_hosts.get(&key).await.is_some() {
            self.count("host", "hit_unknown");
            return Ok(None);
        }
        let loaded = self.hosts.try_get_with_by_ref(&key, self.load_host(host));
        match loaded.await.map_err(|none| (*none).clone()) {
            Ok(dated) => {
                self.count("host", "miss");
                Ok(Some(dated.value))
            }
            Err(NoBrand::UnknownHost { asked_at }) => {
                self.count("host", "miss_unknown");
                let unknown = Dated {
                    value: (),
                    asked_at,
                };
                self.unknown_hosts.insert(key, unknown).await;
                Ok(None)
            }
            Err(NoBrand::Failed(error)) => {
                self.count("host", "error");
                Err(error)
            }
        }
    }

    async fn load_host(&self, host: &Host) -> Result<Dated<Arc<Brand>>, NoBrand> {
        let asked_at = Instant::now();
        match self.directory.brand_of_host(host.as_str()).await {
            Ok(Some(brand)) => Ok(Dated {
                value: Arc::new(brand),
                asked_at,
            }),
            Ok(None) => Err(NoBrand::UnknownHost { asked_at }),
            Err(error) => Err(NoBrand::Failed(Arc::new(error))),
        }
    }

    /// Forgets one agent's allow list.
    pub(crate) fn forget_agent(&self, agent: AgentGuid) {
        self.agent_generations.bump(agent);
    }

    /// Forgets every allow list and every host.
    pub(crate) fn forget_all(&self, reason: FlushReason) {
        self.agent_generations.bump_all();
        self.host_generation.fetch_add(1, Ordering::SeqCst);
        // Unreachable already; this only gives the memory back.
        self.agents.invalidate_all();
        self.hosts.invalidate_all();
        self.unknown_hosts.invalidate_all();
        self.metrics
            .brand_cache_flush_total
            .with_label_values(&[reason.as_str()])
            .inc();
    }

    fn count(&self, cache: &str, outcome: &str) {
        self.metrics
            .brand_cache_total
            .with_label_values(&[cache, outcome])
            .inc();
    }

    /// Entries held by the caches of agents, known hosts and unknown hosts, once they are tidy.
    #[cfg(test)]
    pub(crate) async fn entries(&self) -> [u64; 3] {
        self.agents.run_pending_tasks().await;
        self.hosts.run_pending_tasks().await;
        self.unknown_hosts.run_pending_tasks().await;
        [
            self.agents.entry_count(),
            self.hosts.entry_count(),
            self.unknown_hosts.entry_count(),
        ]
    }
}
