//! Agents that can sign in, each with money and a card, under the one brand of the benches.

use agent_crypto::PiiColumn;
use agent_services::wiring;

use super::accounts::{self, HOST};
use crate::{
    rig::{Rig, Server},
    seed::logins::PASSWORD,
};

#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Agent {
    pub(super) guid: i64,
    pub(super) card: i64,
    pub(super) username: String,
}

/// Their ids begin at numbers that are no ids of anything else: a recorded statement then tells
/// where an agent and where a card is meant.
const FIRST_AGENT: i64 = 7_100_000;
const FIRST_CARD: i64 = 9_100_000;
const BALANCE: i64 = 1_000_000_000;

/// Writes the brand and so many agents; all have the demo password.
pub(super) async fn write(rig: &Rig, count: usize) -> anyhow::Result<Vec<Agent>> {
    let lab = rig.lab()?;
    let app = wiring::app(&lab.settings, lab.core()?)?;
    let owner = lab.owner().await?;
    accounts::write_brand(&owner).await?;
    let agents = sqlx::query_as(
        "WITH bank AS (INSERT INTO bank (bank_id, code, name) VALUES (1, 'BENCH', 'Bench Bank')), \
         made AS ( \
             INSERT INTO agent (guid, username, password_hash, invite_code, nick_name) \
             SELECT $2 + n, 'bench_' || n, $1, 'invite-' || n, 'Bench ' || n FROM generate_series(1, $4) n \
             RETURNING guid, username), \
         member AS (INSERT INTO agent_brand (agent_id, brand_id, status) SELECT guid, 1, 'enabled' FROM made), \
         account AS ( \
             INSERT INTO agent_account (agent_id, brand_id, currency, available, version) \
             SELECT guid, 1, 'THB', $5, 1 FROM made), \
         opening AS ( \
             INSERT INTO agent_ledger (agent_id, brand_id, currency, kind, amount, available_delta, frozen_delta, \
                                       available_after, frozen_after, ref_type, ref_id, created_at) \
             SELECT guid, 1, 'THB', 'adjust', $5, $5, 0, $5, 0, 'opening', 'opening-' || guid, now() FROM made), \
         card AS ( \
             INSERT INTO agent_bank_card (id, agent_id, bank_id, card_number, card_last4, holder_name, is_default) \
             SELECT $3 + guid - $2, guid, 1, $6, '0017', $7, true FROM made RETURNING id, agent_id) \
         SELECT guid, card.id AS card, username FROM made JOIN card ON agent_id = guid ORDER BY guid",
    )
    .bind(app.passwords.hash(PASSWORD).await?)
    .bind(FIRST_AGENT)
    .bind(FIRST_CARD)
    .bind(i64::try_from(count)?)
    .bind(rust_decimal::Decimal::from(BALANCE))
    .bind(app.pii.encrypt(PiiColumn::CardNumber, "5234123412340017")?)
    .bind(app.pii.encrypt(PiiColumn::HolderName, "Bench Holder")?)
    .fetch_all(&owner)
    .await?;
    // Nothing does so by itself where measurements run.
    sqlx::raw_sql("VACUUM (ANALYZE)").execute(&owner).await?;
    sqlx::raw_sql("CHECKPOINT").execute(&owner).await?;
    owner.close().await;
    Ok(agents)
}

/// An access token of each.
pub(super) fn sign_in(api: &Server, agents: &[Agent]) -> anyhow::Result<Vec<String>> {
    let tokens = agents.iter().map(|one| api.sign_in(HOST, &one.username));
    tokens.collect()
}
