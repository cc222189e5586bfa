//! A share for everybody: one agent's requests take turns, so that whatever one agent does, the
//! others still find a database connection.

use std::{sync::Arc, time::Duration};

use agent_domain::AgentGuid;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An agent that asked for nothing this long is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(60);

/// Requests of one agent that are worked on at once in this process; the rest wait without
/// holding anything.
pub struct Turns {
    at_once: usize,
    agents: Cache<AgentGuid, Arc<Semaphore>>,
}

/// A turn, until it is dropped.
#[must_use = "a turn that is dropped at once is no turn"]
pub struct Turn(
    #[expect(dead_code, reason = "holding it is the purpose")] Option<OwnedSemaphorePermit>,
);

impl Turns {
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        let agents = Cache::builder()
            .max_capacity(100_000)
            .time_to_idle(FORGET_AFTER)
            .build();
        Self { at_once, agents }
    }

    /// Waits for a turn of this agent.
    pub async fn enter(&self, agent: AgentGuid) -> Turn {
        let semaphore = self
            .agents
            .get_with(agent, || Arc::new(Semaphore::new(self.at_once)));
        // Fails only for a closed semaphore, and these are never closed.
        Turn(semaphore.acquire_owned().await.ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_agent_waits_for_its_own_turns_only() {
        let turns = Turns::new(2);
        let _first = turns.enter(AgentGuid(1)).await;
        let second = turns.enter(AgentGuid(1)).await;
        let waiting = async { turns.enter(AgentGuid(1)).await };
        let mut waiting = std::pin::pin!(waiting);
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, waiting.as_mut()).await.is_err());
        let _other = turns.enter(AgentGuid(2)).await;
        drop(second);
        drop(waiting.await);
    }
}
