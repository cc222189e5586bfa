//! What a parent changes of a direct sub: name and remark, state, password (P-033, Q-85).
//!
//! Who is further below is looked after by the agent in between: here it is as if it did not exist.

use agent_crypto::random;
use agent_domain::{
    AgentGuid, BrandScope, DomainEvent, EventBody, Problem,
    event::{SubPasswordReset, SubStatusChanged},
    portal::{auth::AgentStatus, sub::SubStatus},
};
use agent_persistence::{
    AuditEntry, Tx, outbox,
    portal::{
        downline::downline,
        sub_edit::{self as store, LockedSub},
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::{
    app::App,
    core::{Core, Stopped, retrying},
    portal::{payout_password, sub_add::InitialPassword},
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
    async fn lock(&self, tx: &mut Tx) -> Result<LockedSub, Stopped> {
        let locked = store::lock(tx, self.scope, self.principal.agent(), self.sub).await?;
        Ok(locked.ok_or_else(Problem::not_found)?)
    }

    fn entry<'e>(
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

    async fn tell(&self, tx: &mut Tx, at: DateTime<Utc>, body: EventBody) -> Result<(), Stopped> {
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
/// `not_found` for anybody but a direct sub; `validation_failed` when nothing is given.
pub async fn edit(app: &App, editing: Editing<'_>, texts: &Texts) -> Result<(), Problem> {
    if texts.nick_name.is_none() && texts.remark.is_none() {
        return Err(Problem::field(
            "nick_name",
            "send nick_name, remark, or both",
        ));
    }
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

/// Locks a sub, which ends its sessions, or lets it in again. Doing it again changes nothing.
///
/// # Errors
/// `not_found` for anybody but a direct sub.
pub async fn set_status(app: &App, editing: Editing<'_>, status: SubStatus) -> Result<(), Problem> {
    retrying(|| store_status(app, editing, status)).await
}

async fn store_status(app: &App, editing: Editing<'_>, status: SubStatus) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let sub = editing.lock(&mut tx).await?;
    if status.is(sub.status()) {
        tx.rollback().await?;
        return Ok(());
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

/// Gives a sub a temporary password: its sessions end, the password has to be changed, and for a
/// while nothing is paid to a younger payout account. The parent proves itself by its payout
/// password.
///
/// # Errors
/// `not_found` for anybody but a direct sub; `payout_password_unset`, `payout_password_invalid`,
/// `rate_limited`, `unavailable`.
pub async fn reset_password(
    app: &App,
    editing: Editing<'_>,
    pin: &str,
) -> Result<InitialPassword, Problem> {
    let (pool, asking) = (app.core.db.pool(), editing.principal.agent());
    let sub = downline(pool, editing.scope, asking, editing.sub).await?;
    sub.filter(|sub| sub.is_direct_sub_of(asking))
        .ok_or_else(Problem::not_found)?;
    payout_password::check(app, asking, pin).await?;
    let (password, hash) = InitialPassword::draw(app).await?;
    retrying(|| store_password(app, editing, &hash)).await?;
    Ok(password)
}

async fn store_password(app: &App, editing: Editing<'_>, hash: &str) -> Result<(), Stopped> {
    let mut tx = app.core.db.begin().await?;
    let sub = editing.lock(&mut tx).await?;
    let operator = editing.principal.operator_id();
    let entry = editing.entry(&app.core, &operator, "AGENT_SUB_RESET_PASSWORD", None);
    let mut audited = tx.audited(&entry).await?;
    audited
        .set_temporary_password(sub.guid(), hash, entry.at)
        .await?;
    let reset = SubPasswordReset {
        agent_id: sub.guid(),
        parent_guid: editing.principal.agent(),
    };
    editing
        .tell(&mut tx, entry.at, EventBody::SubPasswordReset(reset))
        .await?;
    app.core.commit(tx).await?;
    Ok(())
}
