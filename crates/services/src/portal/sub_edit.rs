//! What a parent changes of a direct sub: name and remark, state (P-033).
//!
//! Who is further below is looked after by the agent in between: here it is as if it did not exist.

use agent_crypto::random;
use agent_domain::{
    AgentGuid, BrandScope, Code, DomainEvent, EventBody, Problem,
    event::SubStatusChanged,
    portal::{auth::AgentStatus, sub::SubStatus},
};
use agent_persistence::{
    AuditEntry, Tx, outbox,
    portal::sub_edit::{self as store, LockedSub},
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    app::App,
    core::{Core, Stopped, retrying},
    portal::pace::count_change,
    session::Principal,
};

/// The one who changes a direct sub, where, and which.
#[derive(Clone, Copy)]
pub struct Editing<'a> {
    pub principal: &'a Principal,
    pub scope: &'a BrandScope,
    pub sub: AgentGuid,
}

impl Editing<'_> {
    pub(super) async fn lock(&self, tx: &mut Tx) -> Result<LockedSub, Stopped> {
        let locked = store::lock(tx, self.scope, self.principal.agent(), self.sub).await?;
        Ok(locked.ok_or_else(Problem::not_found)?)
    }

    pub(super) fn entry<'e>(
        &self,
        core: &Core,
        operator: &'e str,
        action: &'static str,
        values: Option<(Value, Value)>,
    ) -> AuditEntry<'e> {
        let (old_value, new_value) = values.unzip();
        AuditEntry {
            operator_id: operator,
            resource: "agent",
            resource_id: self.sub.to_string(),
            action,
            brand_id: self.scope.id().0,
            old_value,
            new_value,
            at: core.clock.now(),
        }
    }

    pub(super) async fn tell(
        &self,
        tx: &mut Tx,
        at: DateTime<Utc>,
        body: EventBody,
    ) -> Result<(), Stopped> {
        let event = DomainEvent {
            event_id: random::uuid_v7(at),
            brand_id: self.scope.id(),
            occurred_at: at,
            body,
        };
        Ok(outbox::append(tx, &event).await?)
    }
}

/// New texts; `None` leaves one as it is, an empty one clears it.
#[derive(Clone, Debug)]
pub struct Texts {
    pub nick_name: Option<String>,
    pub remark: Option<String>,
}

/// Sets nick name and remark.
///
/// # Errors
/// `not_found` for anybody but a direct sub; `validation_failed` when nothing is given;
/// `rate_limited`.
pub async fn edit(app: &App, editing: Editing<'_>, texts: &Texts) -> Result<(), Problem> {
    if texts.nick_name.is_none() && texts.remark.is_none() {
        return Err(Problem::field(
            "nick_name",
            "send nick_name, remark, or both",
        ));
    }
    count_change(app, editing.principal.agent()).await?;
    retrying(|| store_texts(app, editing, texts)).await
}

async fn store_texts(app: &App, editing: Editing<'_>, texts: &Texts) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let sub = editing.lock(&mut tx).await?;
    let operator = editing.principal.operator_id();
    // Which of them, not what: texts may hold anything.
    let set = json!({ "nick_name": texts.nick_name.is_some(), "remark": texts.remark.is_some() });
    let values = Some((Value::Null, json!({ "set": set })));
    let entry = editing.entry(&app.core, &operator, "AGENT_SUB_EDIT", values);
    let trimmed = |text: &Option<String>| text.as_deref().map(|text| text.trim().to_owned());
    let (nick_name, remark) = (trimmed(&texts.nick_name), trimmed(&texts.remark));
    let mut audited = tx.audited(&entry).await?;
    audited
        .edit_sub(&sub, nick_name.as_deref(), remark.as_deref(), entry.at)
        .await?;
    app.core.commit(tx).await?;
    Ok(())
}

/// Locks a sub, which ends its sessions, or lets it in again. Doing it again changes nothing. Only
/// what a parent locked is a parent's to unlock.
///
/// # Errors
/// `not_found` for anybody but a direct sub; `conflict` for one that an operator locked;
/// `rate_limited`.
pub async fn set_status(app: &App, editing: Editing<'_>, status: SubStatus) -> Result<(), Problem> {
    count_change(app, editing.principal.agent()).await?;
    retrying(|| store_status(app, editing, status)).await
}

async fn store_status(app: &App, editing: Editing<'_>, status: SubStatus) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let sub = editing.lock(&mut tx).await?;
    if status.is(sub.status()) {
        tx.rollback().await?;
        return Ok(());
    }
    if sub.status() == AgentStatus::Locked && !sub.is_locked_by_parent() {
        let detail = "an operator locked this agent: only an operator unlocks it";
        return Err(Problem::new(Code::Conflict, detail).into());
    }
    let before = match sub.status() {
        AgentStatus::Active => "active",
        AgentStatus::Locked | AgentStatus::Deleted => "locked",
    };
    let operator = editing.principal.operator_id();
    let values = (
        json!({ "status": before }),
        json!({ "status": status.as_str() }),
    );
    let entry = editing.entry(&app.core, &operator, "AGENT_SUB_STATUS", Some(values));
    let mut audited = tx.audited(&entry).await?;
    audited.set_sub_status(&sub, status, entry.at).await?;
    let changed = SubStatusChanged {
        agent_id: sub.guid(),
        parent_guid: editing.principal.agent(),
        to: status.as_str(),
    };
    editing
        .tell(&mut tx, entry.at, EventBody::SubStatusChanged(changed))
        .await?;
    app.core.commit(tx).await?;
    Ok(())
}
