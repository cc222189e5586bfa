//! What operators do to the outbox: parked events are tried again, kept ones published again. All of
//! it is audited.

use agent_domain::event::timestamp;
use agent_persistence::{
    AuditEntry, DbError,
    outbox::{ReplayRange, ReplaySlice},
};
use chrono::DateTime;
use serde_json::{Value, json};

use crate::{core::Core, wake};

/// Events of one transaction: few enough that none holds locks for long.
const SLICE: i64 = 20_000;

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

/// Publishes kept events again, with the ids they have; gives how many did not wait already. Each
/// slice is a transaction, with a row in the audit log.
///
/// # Errors
/// A statement failed; the slices before are done. It may be called again.
pub async fn replay(core: &Core, operator: &str, range: &ReplayRange) -> Result<i64, DbError> {
    let mut after = (DateTime::UNIX_EPOCH, 0);
    let mut fed = 0;
    loop {
        let slice = ReplaySlice {
            range: *range,
            after,
            limit: SLICE,
        };
        let entry = entry(core, operator, "OUTBOX_REPLAY", described(&slice));
        let mut tx = core.db.begin().await?;
        let replayed = tx.audited(&entry).await?.replay(&slice).await?;
        let Some(last) = replayed.last else {
            tx.rollback().await?;
            return Ok(fed);
        };
        core.commit(tx).await?;
        wake::publish(&core.kv, &core.metrics).await;
        fed += replayed.fed;
        after = last;
    }
}

fn described(slice: &ReplaySlice) -> Value {
    let ReplayRange { times, ids } = slice.range;
    json!({
        "from": timestamp(times.0), "to": timestamp(times.1), "from_id": ids.0, "to_id": ids.1,
        "after": timestamp(slice.after.0), "after_id": slice.after.1, "at_most": slice.limit,
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
