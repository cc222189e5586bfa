//! A new agent below the one who makes it.

use agent_domain::{AgentGuid, BrandScope};
use chrono::{DateTime, Utc};

use crate::{audit::AuditedTx, error::DbError, tx::Tx};

/// The number of the next agent.
///
/// # Errors
/// The statement failed.
pub async fn next_guid(tx: &mut Tx) -> Result<AgentGuid, DbError> {
    let guid = sqlx::query_scalar!(
        r#"SELECT nextval(pg_get_serial_sequence('agent', 'guid')) AS "guid!""#
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(AgentGuid(guid))
}

/// How deep in the tree the one who makes an agent stands.
///
/// # Errors
/// The statement failed.
pub async fn level(tx: &mut Tx, parent: AgentGuid) -> Result<i16, DbError> {
    let level = sqlx::query_scalar!(r#"SELECT level FROM agent WHERE guid = $1"#, parent.0)
        .fetch_one(tx.conn())
        .await?;
    Ok(level)
}

/// An agent about to be stored. Holds a password hash: no `Debug`.
pub struct NewSub<'a> {
    pub guid: AgentGuid,
    pub username: &'a str,
    /// Of a password that has to be changed.
    pub password_hash: &'a str,
    pub invite_code: &'a str,
    pub nick_name: Option<&'a str>,
    /// Encrypted, with its index.
    pub phone: Option<(&'a str, &'a [u8])>,
    pub at: DateTime<Utc>,
}

impl AuditedTx<'_> {
    /// Stores a new agent below `parent`, made on that brand; its phone is not proven; `false` when another one has the invite code.
    ///
    /// # Errors
    /// The statement failed, among others because the name is taken (`agent_username_key`).
    pub async fn insert_sub(
        &mut self,
        scope: &BrandScope,
        parent: AgentGuid,
        sub: &NewSub<'_>,
    ) -> Result<bool, DbError> {
        let inserted = sqlx::query!(
            r#"
            INSERT INTO agent (guid, username, password_hash, must_change_password, parent_guid, invite_code, nick_name,
                               phone_num, phone_bidx, phone_unverified, created_on, created_at, updated_at)
            VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8, $7::text IS NOT NULL, $10, $9, $9)
            ON CONFLICT (invite_code) DO NOTHING
            "#,
            sub.guid.0,
            sub.username,
            sub.password_hash,
            parent.0,
            sub.invite_code,
            sub.nick_name,
            sub.phone.map(|(stored, _)| stored),
            sub.phone.map(|(_, index)| index),
            sub.at,
            scope.id().0,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(inserted.rows_affected() == 1)
    }
}
