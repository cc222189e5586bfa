//! Changes that a parent makes to a direct sub.

use agent_domain::{
    AgentGuid, BrandScope,
    portal::{auth::AgentStatus, sub::SubStatus},
};
use chrono::{DateTime, Utc};

use crate::{audit::AuditedTx, error::DbError, tx::Tx};

/// Proof that an agent stands directly below the one who asks, is not deleted, is shown on the
/// brand, and is locked until the end of the transaction.
pub struct LockedSub {
    guid: AgentGuid,
    status: AgentStatus,
    locked_by_parent: bool,
}

impl LockedSub {
    #[must_use]
    pub fn guid(&self) -> AgentGuid {
        self.guid
    }

    #[must_use]
    pub fn status(&self) -> AgentStatus {
        self.status
    }

    /// Whether the agent above locked it, and no operator did.
    #[must_use]
    pub fn is_locked_by_parent(&self) -> bool {
        self.locked_by_parent
    }
}

/// `None` for anybody but a direct sub.
///
/// # Errors
/// The statement failed or waited too long.
pub async fn lock(
    tx: &mut Tx,
    scope: &BrandScope,
    asking: AgentGuid,
    guid: AgentGuid,
) -> Result<Option<LockedSub>, DbError> {
    let row = sqlx::query!(
        r#"
        SELECT status, coalesce(locked_by = 'parent', false) AS "locked_by_parent!" FROM agent
        WHERE guid = $1 AND parent_guid = $2 AND status <> 'deleted' AND brand_status(guid, $3) IS NOT NULL
        FOR NO KEY UPDATE
        "#,
        guid.0,
        asking.0,
        scope.id().0,
    )
    .fetch_optional(tx.conn())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let status = AgentStatus::parse(&row.status);
    Ok(Some(LockedSub {
        guid,
        status: status.ok_or_else(|| DbError::inconsistent("agent.status"))?,
        locked_by_parent: row.locked_by_parent,
    }))
}

impl AuditedTx<'_> {
    /// Sets what is not `None`; an empty text clears it.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn edit_sub(
        &mut self,
        sub: &LockedSub,
        nick_name: Option<&str>,
        remark: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE agent
            SET nick_name = CASE WHEN $2::text IS NULL THEN nick_name ELSE nullif($2, '') END,
                remark = CASE WHEN $3::text IS NULL THEN remark ELSE nullif($3, '') END, updated_at = $4
            WHERE guid = $1
            "#,
            sub.guid.0,
            nick_name,
            remark,
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }

    /// Sets the state, a lock as the parent's. An agent that stops being active loses its sessions,
    /// which a trigger sees to; another one clears who locked it.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_sub_status(
        &mut self,
        sub: &LockedSub,
        status: SubStatus,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"UPDATE agent SET status = $2, locked_by = 'parent', updated_at = $3 WHERE guid = $1"#,
            sub.guid.0,
            status.as_str(),
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }
}
