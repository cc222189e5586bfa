//! Whose the shards are: leases in the database, epochs in the stream.

use std::{collections::HashMap, time::Instant};

use agent_kv::Fence;
use agent_persistence::outbox;

use super::{Relay, RelayError, append, batch::Batch};

impl Relay {
    /// Gives up every shard at once: the last act of a worker that stops.
    ///
    /// # Errors
    /// The database failed; the leases run out by themselves.
    pub async fn release(&mut self) -> Result<(), RelayError> {
        self.sure_until = None;
        let noted = self.note_published().await;
        self.held.clear();
        noted?;
        Ok(outbox::release_leases(self.core.db.pool(), &self.owner).await?)
    }

    pub(super) fn surely_ours(&self) -> bool {
        self.sure_until.is_some_and(|until| Instant::now() < until)
    }

    pub(super) fn renewal_is_due(&self) -> bool {
        let due = |at: Instant| at.elapsed() >= self.settings.poll;
        self.renewed_at.is_none_or(due)
    }

    /// Renews; tells whether a shard has work.
    pub(super) async fn renew(&mut self) -> Result<bool, RelayError> {
        // Measured from before the statement, so that our idea of the lease ends first.
        let asked_at = Instant::now();
        self.hints.begin(asked_at);
        let (pool, lease) = (self.core.db.pool(), self.settings.lease);
        let known = self.hints.places();
        let leases = outbox::renew_leases(pool, &self.owner, lease, &known).await?;
        self.renewed_at = Some(asked_at);
        self.sure_until = Some(asked_at + lease.saturating_sub(self.settings.publish_timeout));
        let with_work = leases.iter().filter(|lease| lease.has_work);
        let with_work = with_work.map(|lease| lease.shard);
        self.hints.renewed(asked_at.elapsed(), with_work);
        let ours: HashMap<i16, i64> = leases.iter().map(|l| (l.shard, l.epoch)).collect();
        let same = |fence: &Fence| ours.get(&fence.shard) == Some(&fence.epoch);
        if ours.len() != self.held.len() || !self.held.iter().all(same) {
            let fence = |(&shard, &epoch)| Fence { shard, epoch };
            self.held = ours.iter().map(fence).collect();
            self.held.sort_unstable_by_key(|fence| fence.shard);
            self.announced = false;
            self.hints.forget();
            let shards: Vec<i16> = self.held.iter().map(|fence| fence.shard).collect();
            tracing::info!(?shards, "leases changed");
        }
        let held = i64::try_from(self.held.len()).unwrap_or(i64::MAX);
        self.core.metrics.outbox_leases_held.set(held);
        Ok(leases.iter().any(|lease| lease.has_work))
    }

    /// Stops whoever held the shards before, who may not know it yet: before anything is read, or it
    /// could be published there as well. False when somebody else has taken one over.
    pub(super) async fn announce(&mut self) -> Result<bool, RelayError> {
        let nothing = Batch::default();
        let appended = append(&self.core.kv, &self.held, &nothing).await;
        self.announced = self.account(&nothing, appended).await?.is_some();
        Ok(self.announced)
    }

    /// Somebody else took a shard over while this process stood still.
    pub(super) async fn lose(&mut self, fence: Fence) -> Result<(), RelayError> {
        tracing::warn!(
            shard = fence.shard,
            epoch = fence.epoch,
            "the shard was taken over"
        );
        self.failed("taken_over");
        self.held.clear();
        self.renewed_at = None;
        self.hints.forget();
        let (pool, owner) = (self.core.db.pool(), &self.owner);
        Ok(outbox::surrender_lease(pool, owner, fence.shard, fence.epoch).await?)
    }
}
