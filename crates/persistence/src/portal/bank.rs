//! Payout cards and the catalogue of banks.

use agent_domain::{AgentGuid, CardId};
use chrono::{DateTime, Utc};

use super::edit::LockedAgent;
use crate::{audit::AuditedTx, error::DbError, pool::Pool, tx::Tx};

/// A card as stored; number and holder are ciphertext.
pub struct CardRow {
    pub id: i64,
    pub bank_id: i32,
    pub bank_name: String,
    pub card_last4: String,
    pub holder_name: String,
    pub is_default: bool,
}

/// The agent's live cards, default first. An agent has at most five, so there is no page.
///
/// # Errors
/// The statement failed.
pub async fn cards(pool: &Pool, agent: AgentGuid) -> Result<Vec<CardRow>, DbError> {
    let rows = sqlx::query_as!(
        CardRow,
        r#"
        SELECT c.id, c.bank_id, b.name AS bank_name, c.card_last4::text AS "card_last4!", c.holder_name, c.is_default
        FROM agent_bank_card c JOIN bank b USING (bank_id)
        WHERE c.agent_id = $1 AND c.deleted_at IS NULL
        ORDER BY c.is_default DESC, c.id
        "#,
        agent.0,
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// A bank of the catalogue.
#[derive(Clone, Debug)]
pub struct BankRow {
    pub bank_id: i32,
    pub code: String,
    pub name: String,
    pub logo_url: Option<String>,
}

/// # Errors
/// The statement failed.
pub async fn catalogue(pool: &Pool) -> Result<Vec<BankRow>, DbError> {
    let rows = sqlx::query_as!(
        BankRow,
        r#"SELECT bank_id, code, name, logo_url FROM bank WHERE enabled ORDER BY sort, bank_id"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}

/// The name of a bank that cards may be bound of.
///
/// # Errors
/// The statement failed.
pub async fn enabled_bank(pool: &Pool, bank_id: i32) -> Result<Option<String>, DbError> {
    let name = sqlx::query_scalar!(
        r#"SELECT name FROM bank WHERE bank_id = $1 AND enabled"#,
        bank_id
    )
    .fetch_optional(pool)
    .await?;
    Ok(name)
}

/// A live card of an agent that is being changed; the number is ciphertext.
pub struct LiveCard {
    pub id: CardId,
    pub bank_id: i32,
    pub card_number: String,
    pub is_default: bool,
}

/// The agent's live cards, oldest first. They stay as they are until the end of the transaction,
/// because whoever changes them has locked the agent.
///
/// # Errors
/// The statement failed.
pub async fn live_cards(tx: &mut Tx, agent: &LockedAgent) -> Result<Vec<LiveCard>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT id, bank_id, card_number, is_default FROM agent_bank_card
        WHERE agent_id = $1 AND deleted_at IS NULL ORDER BY created_at, id
        "#,
        agent.agent.0,
    )
    .fetch_all(tx.conn())
    .await?;
    let card = rows.into_iter().map(|row| LiveCard {
        id: CardId(row.id),
        bank_id: row.bank_id,
        card_number: row.card_number,
        is_default: row.is_default,
    });
    Ok(card.collect())
}

/// Whose live cards have a number. Rows without an index are matched by the forms in which they
/// may be stored (Q-89).
///
/// # Errors
/// The statement failed.
pub async fn holders(
    tx: &mut Tx,
    index: &[u8],
    older_forms: &[String],
) -> Result<Vec<(AgentGuid, CardId)>, DbError> {
    let rows = sqlx::query!(
        r#"
        SELECT agent_id AS "agent_id!", id AS "id!" FROM agent_bank_card
        WHERE card_bidx = $1 AND deleted_at IS NULL
        UNION ALL
        SELECT agent_id, id FROM agent_bank_card
        WHERE card_bidx IS NULL AND card_number = ANY($2) AND deleted_at IS NULL
        "#,
        index,
        older_forms,
    )
    .fetch_all(tx.conn())
    .await?;
    let holder = rows
        .into_iter()
        .map(|row| (AgentGuid(row.agent_id), CardId(row.id)));
    Ok(holder.collect())
}

/// The id of the next card, so that the audit row, which comes first, can name it.
///
/// # Errors
/// The statement failed.
pub async fn next_card(tx: &mut Tx) -> Result<CardId, DbError> {
    let id = sqlx::query_scalar!(r#"SELECT nextval('agent_bank_card_id_seq') AS "next!""#)
        .fetch_one(tx.conn())
        .await?;
    Ok(CardId(id))
}

/// Whether an order of the agent, on whatever brand, is still to be paid. No new one can be made
/// until the end of the transaction: every account of the agent is locked.
///
/// # Errors
/// A statement failed.
pub async fn has_unpaid_order(tx: &mut Tx, agent: &LockedAgent) -> Result<bool, DbError> {
    sqlx::query!(
        r#"SELECT brand_id FROM agent_account WHERE agent_id = $1 ORDER BY brand_id, currency FOR NO KEY UPDATE"#,
        agent.agent.0,
    )
    .fetch_all(tx.conn())
    .await?;
    let found = sqlx::query_scalar!(
        r#"
        SELECT EXISTS (SELECT FROM agent_withdraw
                       WHERE agent_id = $1 AND status IN ('pending', 'reviewing', 'approved', 'paying')) AS "found!"
        "#,
        agent.agent.0,
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(found)
}

/// A card about to be bound.
pub struct NewCard<'a> {
    pub id: CardId,
    pub bank_id: i32,
    /// Number and holder, encrypted in today's form.
    pub card_number: &'a str,
    pub card_index: &'a [u8],
    pub card_last4: &'a str,
    pub holder_name: &'a str,
    pub holder_index: &'a [u8],
    pub branch: Option<&'a str>,
    pub is_default: bool,
}

/// The named rule that lets a number be bound once among live cards.
pub const NUMBER_TAKEN: &str = "agent_bank_card_number_key";

impl AuditedTx<'_> {
    /// # Errors
    /// The statement failed; [`NUMBER_TAKEN`] when another live card has the number.
    pub async fn insert_card(
        &mut self,
        agent: &LockedAgent,
        card: &NewCard<'_>,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            INSERT INTO agent_bank_card (id, agent_id, bank_id, card_number, card_bidx, card_last4, holder_name,
                                         holder_bidx, branch, is_default, created_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            "#,
            card.id.0,
            agent.agent.0,
            card.bank_id,
            card.card_number,
            card.card_index,
            card.card_last4,
            card.holder_name,
            card.holder_index,
            card.branch,
            card.is_default,
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }

    /// Takes a card out of use; orders made with it keep it.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn remove_card(
        &mut self,
        agent: &LockedAgent,
        card: CardId,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        sqlx::query!(
            r#"
            UPDATE agent_bank_card SET deleted_at = $3, is_default = false
            WHERE id = $2 AND agent_id = $1 AND deleted_at IS NULL
            "#,
            agent.agent.0,
            card.0,
            at,
        )
        .execute(self.tx().conn())
        .await?;
        Ok(())
    }

    /// Makes one of the agent's live cards the default, in place of any other.
    ///
    /// # Errors
    /// A statement failed.
    pub async fn set_default_card(
        &mut self,
        agent: &LockedAgent,
        card: CardId,
    ) -> Result<(), DbError> {
        // In two steps: the index over defaults is asked row by row.
        for make_default in [false, true] {
            sqlx::query!(
                r#"
                UPDATE agent_bank_card SET is_default = $3
                WHERE agent_id = $1 AND (id = $2) = $3 AND is_default <> $3 AND deleted_at IS NULL
                "#,
                agent.agent.0,
                card.0,
                make_default,
            )
            .execute(self.tx().conn())
            .await?;
        }
        Ok(())
    }
}
