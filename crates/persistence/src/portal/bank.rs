//! Payout cards and the catalogue of banks.

use agent_domain::AgentGuid;
use sqlx::PgPool;

use crate::error::DbError;

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
pub async fn cards(pool: &PgPool, agent: AgentGuid) -> Result<Vec<CardRow>, DbError> {
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
pub async fn catalogue(pool: &PgPool) -> Result<Vec<BankRow>, DbError> {
    let rows = sqlx::query_as!(
        BankRow,
        r#"SELECT bank_id, code, name, logo_url FROM bank WHERE enabled ORDER BY sort, bank_id"#
    )
    .fetch_all(pool)
    .await?;
    Ok(rows)
}
