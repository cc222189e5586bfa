//! A directory that tests can change, slow down and break.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use agent_domain::{AgentGuid, Brand, BrandId, EnforcementMode};
use agent_telemetry::Metrics;
use tokio::sync::watch;

use crate::{
    BoxFuture, BrandCacheSettings, BrandDirectory, BrandGuard, DirectoryError, Host, HostBrand,
};

pub(super) const ROUTE: &str = "/agent/info";

pub(super) fn brand(id: i64) -> Brand {
    Brand {
        id: BrandId(id),
        code: format!("brand-{id}"),
        name: format!("Brand {id}"),
        logo_url: None,
        timezone: chrono_tz::Asia::Bangkok,
        currency: "THB".parse().unwrap(),
        phone_country: "66".to_owned(),
    }
}

pub(super) struct FakeDirectory {
    hosts: Mutex<HashMap<String, i64>>,
    lists: Mutex<HashMap<AgentGuid, Vec<i64>>>,
    down: AtomicBool,
    /// Answers wait here after they were read, while it is `false`.
    open: watch::Sender<bool>,
    pub(super) host_lookups: AtomicUsize,
    pub(super) list_lookups: AtomicUsize,
}

impl FakeDirectory {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            hosts: Mutex::default(),
            lists: Mutex::default(),
            down: AtomicBool::new(false),
            open: watch::Sender::new(true),
            host_lookups: AtomicUsize::new(0),
            list_lookups: AtomicUsize::new(0),
        })
    }

    pub(super) fn set_host(&self, host: &str, brand: Option<i64>) {
        let mut hosts = self.hosts.lock().unwrap();
        match brand {
            Some(id) => hosts.insert(host.to_owned(), id),
            None => hosts.remove(host),
        };
    }

    pub(super) fn allow(&self, agent: AgentGuid, brands: &[i64]) {
        self.lists.lock().unwrap().insert(agent, brands.to_vec());
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
    }

    pub(super) fn hold_answers(&self) {
        self.open.send_replace(false);
    }

    pub(super) fn release_answers(&self) {
        self.open.send_replace(true);
    }

    pub(super) fn guard(
        self: &Arc<Self>,
        mode: EnforcementMode,
        settings: BrandCacheSettings,
    ) -> (BrandGuard, Arc<Metrics>) {
        let metrics = Metrics::new("agent_service");
        let guard = BrandGuard::new(self.clone(), mode, metrics.clone(), settings);
        (guard, metrics)
    }

    async fn answer<T>(&self, value: T) -> Result<T, DirectoryError> {
        let down = self.down.load(Ordering::SeqCst);
        self.open.subscribe().wait_for(|open| *open).await.unwrap();
        match down {
            true => Err(DirectoryError::new("connection refused")),
            false => Ok(value),
        }
    }
}

impl BrandDirectory for FakeDirectory {
    fn brand_of_host<'a>(
        &'a self,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Option<Brand>, DirectoryError>> {
        let found = self.hosts.lock().unwrap().get(host).copied().map(brand);
        self.host_lookups.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.answer(found))
    }

    fn enabled_brands(
        &self,
        agent: AgentGuid,
    ) -> BoxFuture<'_, Result<Vec<Brand>, DirectoryError>> {
        let list = self.lists.lock().unwrap().get(&agent).cloned();
        let brands = list.unwrap_or_default().into_iter().map(brand).collect();
        self.list_lookups.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.answer(brands))
    }
}

pub(super) fn known(id: i64) -> HostBrand {
    HostBrand(Some(Arc::new(brand(id))))
}

pub(super) fn host(name: &str) -> Host {
    Host::parse(name.as_bytes()).unwrap()
}

/// Waits until a counter reaches a value.
pub(super) async fn reaches(counter: &AtomicUsize, value: usize) {
    let reached = async {
        while counter.load(Ordering::SeqCst) < value {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), reached)
        .await
        .unwrap();
}
