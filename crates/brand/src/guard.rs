//! The decision: may this agent act on this brand?

use std::sync::Arc;

use agent_domain::{AgentGuid, Brand, BrandId, BrandScope, Code, EnforcementMode, Problem};
use agent_telemetry::Metrics;

use crate::{
    AgentBrandResolutionLayer, BrandCacheSettings, BrandDirectory, FlushReason, Host, HostBrand,
    Refuse, cache::Caches, change::Change,
};

/// Resolves brands and checks allow lists. Cheap to clone; clones share their caches.
#[derive(Clone)]
pub struct BrandGuard {
    caches: Arc<Caches>,
    mode: EnforcementMode,
    metrics: Arc<Metrics>,
}

/// Why a request breaks the brand rules; the code of its refusal and a metric label.
#[derive(Clone, Copy)]
enum Violation {
    /// The host's brand is not on the agent's list.
    Forbidden,
    /// The host belongs to no brand.
    Unresolved,
}

impl Violation {
    fn code(self) -> Code {
        match self {
            Self::Forbidden => Code::BrandForbidden,
            Self::Unresolved => Code::BrandUnresolved,
        }
    }

    fn detail(self) -> &'static str {
        match self {
            Self::Forbidden => "this account does not serve the brand of this address",
            Self::Unresolved => "this address belongs to no brand",
        }
    }
}

impl BrandGuard {
    /// Also sets the gauge of the mode (P-108).
    #[must_use]
    pub fn new(
        directory: Arc<dyn BrandDirectory>,
        mode: EnforcementMode,
        metrics: Arc<Metrics>,
        settings: BrandCacheSettings,
    ) -> Self {
        metrics.multi_brand_enforcement_mode.set(mode.gauge());
        Self {
            caches: Arc::new(Caches::new(directory, metrics.clone(), settings)),
            mode,
            metrics,
        }
    }

    #[must_use]
    pub fn mode(&self) -> EnforcementMode {
        self.mode
    }

    /// The layer that tells every request its brand; `refuse` renders the problems it answers
    /// with itself: 400 for a request without exactly one valid host, 503 without a directory.
    #[must_use]
    pub fn resolve_layer(&self, refuse: Refuse) -> AgentBrandResolutionLayer {
        AgentBrandResolutionLayer::new(self.clone(), refuse)
    }

    /// The brand of a host.
    ///
    /// # Errors
    /// `unavailable` when the directory does not answer.
    pub async fn resolve(&self, host: &Host) -> Result<HostBrand, Problem> {
        let brand = self.caches.brand_of_host(host).await;
        brand.map(HostBrand).map_err(Problem::unavailable)
    }

    /// Checks an authenticated agent against the brand of the request's host and says which brand
    /// the request acts on (P-161 … P-163, Q-15). `route` is the matched path, never the raw one:
    /// it becomes a metric label.
    ///
    /// # Errors
    /// Under `enforce` `brand_forbidden` or `brand_unresolved`. In the other modes
    /// `brand_ambiguous` when the host tells no brand and the agent does not serve exactly one.
    /// `unavailable` when the directory does not answer.
    pub async fn check(
        &self,
        agent: AgentGuid,
        host: &HostBrand,
        route: &str,
    ) -> Result<BrandScope, Problem> {
        let Some(brand) = &host.0 else {
            self.violated(Violation::Unresolved, agent, None, route)?;
            return self.only_brand(agent).await;
        };
        if self.mode != EnforcementMode::Off && !self.is_enabled(agent, brand.id).await? {
            self.violated(Violation::Forbidden, agent, Some(brand), route)?;
        }
        Ok(BrandScope::granted(brand.clone()))
    }

    /// Whether a brand is on the agent's list, in every mode alike. Recovery and the one-step
    /// reset decide by it (P-182).
    ///
    /// # Errors
    /// `unavailable` when the directory does not answer.
    pub async fn is_enabled(&self, agent: AgentGuid, brand: BrandId) -> Result<bool, Problem> {
        let list = self.enabled_brands(agent).await?;
        Ok(list.iter().any(|enabled| enabled.id == brand))
    }

    /// The brands that the agent may serve, at most one cache lifetime old.
    ///
    /// # Errors
    /// `unavailable` when the directory does not answer.
    pub async fn enabled_brands(&self, agent: AgentGuid) -> Result<Arc<[Arc<Brand>]>, Problem> {
        let list = self.caches.allow_list(agent).await;
        list.map_err(Problem::unavailable)
    }

    /// Acts on a message of the channel `AGENT_BRAND_CHANGED`.
    pub fn apply_change_message(&self, payload: &str) {
        match Change::parse(payload) {
            Change::Agent(agent) => self.invalidate_agent(agent),
            Change::Everything => self.flush(FlushReason::Message),
        }
    }

    /// Forgets one agent's allow list: its next request asks the directory (P-169, P-170).
    pub fn invalidate_agent(&self, agent: AgentGuid) {
        self.caches.forget_agent(agent);
    }

    /// Forgets every allow list and every host.
    pub fn flush(&self, reason: FlushReason) {
        self.caches.forget_all(reason);
    }

    /// The brand of a request whose host tells none: the only one there is to choose.
    async fn only_brand(&self, agent: AgentGuid) -> Result<BrandScope, Problem> {
        match &*self.enabled_brands(agent).await? {
            [only] => Ok(BrandScope::granted(only.clone())),
            _ => Err(Problem::new(
                Code::BrandAmbiguous,
                "this address does not tell which brand is meant",
            )),
        }
    }

    /// Counts and logs a violation, and refuses it under `enforce`.
    fn violated(
        &self,
        violation: Violation,
        agent: AgentGuid,
        brand: Option<&Arc<Brand>>,
        route: &str,
    ) -> Result<(), Problem> {
        if self.mode == EnforcementMode::Off {
            return Ok(());
        }
        let reason = violation.code().as_str();
        self.metrics
            .multi_brand_violation_total
            .with_label_values(&[self.mode.as_str(), reason, route])
            .inc();
        tracing::warn!(
            agent_guid = agent.0,
            brand_id = brand.map(|brand| brand.id.0),
            mode = self.mode.as_str(),
            reason,
            route,
            "agent is not allowed on this brand"
        );
        match self.mode {
            EnforcementMode::Enforce => Err(Problem::new(violation.code(), violation.detail())),
            _ => Ok(()),
        }
    }

    #[cfg(test)]
    pub(crate) fn caches(&self) -> &Caches {
        &self.caches
    }
}
