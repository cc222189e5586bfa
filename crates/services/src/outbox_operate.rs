//! What operators do to the outbox: parked events are tried again, kept ones published again. All of
//! it is audited.

use std::time::Duration;

use agent_domain::event::timestamp;
use agent_kv::{Fence, KvError};
use agent_persistence::{
    AuditEntry, DbError,
    outbox::{self, ReplayRange, ReplaySlice},
};
use chrono::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{core::Core, wake};

/// Events of one statement: few enough that none lasts long.
const SLICE: i64 = 20_000;
/// How long the shards wait for a replay that was killed before its transaction. Until that has begun
/// there are some short statements to the database and to Redis.
const LEASE: Duration = Duration::from_secs(15);

/// Lets parked events be tried again, the given ones or all of them; gives how many were parked.
/// `operator` is the name in the audit log, which has a row only if there were some.
///
/// # Errors
/// A statement failed; nothing was changed.
pub async fn retry_parked(
    core: &Core,
    operator: &str,
    ids: Option<&[i64]>,
) -> Result<u64, DbError> {
    let entry = entry(core, operator, "OUTBOX_RETRY", json!({ "ids": ids }));
    let mut tx = core.db.begin().await?;
    let retried = tx.audited(&entry).await?.retry_parked(ids).await?;
    if retried == 0 {
        tx.rollback().await?;
        return Ok(0);
    }
    core.commit(tx).await?;
    wake::publish(&core.kv, &core.metrics).await;
    Ok(retried)
}

/// Why nothing was published again. Nothing was changed, but that relays have to take their shards
/// once more.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("database: {0}")]
    Database(#[from] DbError),
    #[error("redis: {0}")]
    Redis(#[from] KvError),
    #[error("another replay is under way, or was killed less than {} s ago", LEASE.as_secs())]
    Another,
    /// This process stood still, and its leases ran out.
    #[error("it took too long to begin; try again")]
    TooLate,
}

/// Publishes kept events again, with the ids they have; gives how many did not wait already. It is
/// one transaction, with a row in the audit log, and nothing is published of the shards concerned
/// until it ends.
///
/// What is published of an aggregate from then on comes in order, the events fed again first: the
/// relays lose these shards, so that what they have read and not published goes nowhere, and
/// whoever takes them next reads them from the first id on. What happens meanwhile waits with them.
///
/// # Errors
/// As [`ReplayError`]. It may be called again. If the process is killed, its leases run out.
pub async fn replay(core: &Core, operator: &str, range: &ReplayRange) -> Result<i64, ReplayError> {
    let owner = format!("replay:{}", Uuid::new_v4().simple());
    let fed = fence_and_feed(core, &owner, operator, range).await;
    if fed.is_err()
        && let Err(error) = outbox::release_leases(core.db.pool(), &owner).await
    {
        tracing::warn!(%error, "the leases of the replay run out by themselves");
    }
    wake::publish(&core.kv, &core.metrics).await;
    fed
}

async fn fence_and_feed(
    core: &Core,
    owner: &str,
    operator: &str,
    range: &ReplayRange,
) -> Result<i64, ReplayError> {
    let shards = outbox::shards_kept(core.db.pool(), range).await?;
    let mut fences = Vec::with_capacity(shards.len());
    for shard in shards {
        fences.push(seize(core, owner, shard, 0).await?);
    }
    announce(core, owner, &mut fences).await?;
    feed(core, owner, operator, range, fences.len()).await
}

async fn seize(core: &Core, owner: &str, shard: i16, above: i64) -> Result<Fence, ReplayError> {
    let epoch = outbox::seize_lease(core.db.pool(), owner, LEASE, shard, above).await?;
    let epoch = epoch.ok_or(ReplayError::Another)?;
    Ok(Fence { shard, epoch })
}

/// From here on nobody appends to these shards. Where the stream knows a higher epoch, as it does
/// after a database was restored, the shard is taken above that one.
async fn announce(core: &Core, owner: &str, fences: &mut [Fence]) -> Result<(), ReplayError> {
    for _ in 0..=fences.len() {
        let Some(known) = core.kv.show(fences).await? else {
            return Ok(());
        };
        for fence in fences.iter_mut().filter(|own| own.shard == known.shard) {
            *fence = seize(core, owner, known.shard, known.epoch).await?;
        }
    }
    Err(ReplayError::TooLate)
}

/// Puts the events in and gives the shards free, both or neither.
async fn feed(
    core: &Core,
    owner: &str,
    operator: &str,
    range: &ReplayRange,
    seized: usize,
) -> Result<i64, ReplayError> {
    let entry = entry(core, operator, "OUTBOX_REPLAY", described(range));
    let mut tx = core.db.begin().await?;
    let mut audited = tx.audited(&entry).await?;
    let shards = audited.keep_leases(owner).await?;
    if shards.len() < seized {
        return Err(ReplayError::TooLate);
    }
    let mut slice = ReplaySlice {
        range: *range,
        after: (DateTime::UNIX_EPOCH, 0),
        limit: SLICE,
    };
    let mut fed = 0;
    loop {
        let replayed = audited.replay(&slice, &shards).await?;
        let Some(last) = replayed.last else {
            break;
        };
        fed += replayed.fed;
        slice.after = last;
    }
    audited.free_leases(owner).await?;
    core.commit(tx).await?;
    Ok(fed)
}

fn described(range: &ReplayRange) -> Value {
    let ReplayRange { times, ids } = range;
    json!({
        "from": timestamp(times.0), "to": timestamp(times.1), "from_id": ids.0, "to_id": ids.1,
    })
}

/// An entry of the audit log. It belongs to no brand.
fn entry<'a>(
    core: &Core,
    operator: &'a str,
    action: &'static str,
    new_value: Value,
) -> AuditEntry<'a> {
    AuditEntry {
        operator_id: operator,
        resource: "outbox",
        resource_id: "stream".to_owned(),
        action,
        brand_id: 0,
        old_value: None,
        new_value: Some(new_value),
        at: core.clock.now(),
    }
}
