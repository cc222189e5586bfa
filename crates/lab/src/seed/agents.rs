//! Writes the agents, their memberships, settings, hosts and cards.

use agent_crypto::PiiColumn;
use sqlx::PgConnection;

use super::{
    vault::{Sealed, Vault},
    world::{BRAND_A, DemoAgent, World, column, own_limits},
};

/// What cannot be read off a [`DemoAgent`] without keys.
struct Secrets {
    password: String,
    payout_password: Option<String>,
    phone: Sealed,
    email: Sealed,
    bank_num: Sealed,
}

/// Level by level, because the path of an agent is made from its parent's row.
pub(super) async fn store(
    conn: &mut PgConnection,
    world: &World,
    vault: &Vault,
) -> anyhow::Result<()> {
    let deepest = world
        .agents
        .iter()
        .map(|agent| agent.level)
        .max()
        .unwrap_or(0);
    for level in 1..=deepest {
        let agents: Vec<&DemoAgent> = world
            .agents
            .iter()
            .filter(|agent| agent.level == level)
            .collect();
        store_level(conn, world, vault, &agents).await?;
    }
    store_memberships(conn, world).await?;
    store_settings(conn, world).await?;
    store_hosts(conn, world).await
}

async fn store_level(
    conn: &mut PgConnection,
    world: &World,
    vault: &Vault,
    agents: &[&DemoAgent],
) -> anyhow::Result<()> {
    let mut secrets = Vec::with_capacity(agents.len());
    for agent in agents {
        secrets.push(secrets_of(vault, agent).await?);
    }
    let parent = |agent: &&DemoAgent| agent.parent.map(|index| world.agents[index].guid);
    let bank = |agent: &&DemoAgent| agent.default_card().map(|card| world.banks[card.bank].id);
    sqlx::query(
        "INSERT INTO agent (guid, username, nick_name, remark, parent_guid, invite_code, status, \
                            must_change_password, created_at, updated_at, last_login_at, password_hash, \
                            payout_password_hash, phone_num, phone_bidx, email, email_bidx, bank_id, bank_num) \
         SELECT guid, username, nick_name, remark, parent, code, status, must_change, created, created, login, \
                password, payout, phone, phone_bidx, email, email_bidx, bank_id, bank_num \
         FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::text[], \
                     $8::boolean[], $9::timestamptz[], $10::timestamptz[], $11::text[], $12::text[], $13::text[], \
                     $14::bytea[], $15::text[], $16::bytea[], $17::integer[], $18::text[]) \
              AS a (guid, username, nick_name, remark, parent, code, status, must_change, created, login, password, \
                    payout, phone, phone_bidx, email, email_bidx, bank_id, bank_num)",
    )
    .bind(column(agents, |a| a.guid))
    .bind(column(agents, |a| a.username.as_str()))
    .bind(column(agents, |a| a.nick_name.as_str()))
    .bind(column(agents, |a| a.remark))
    .bind(column(agents, parent))
    .bind(column(agents, |a| a.invite_code.as_str()))
    .bind(column(agents, |a| a.status))
    .bind(column(agents, |a| a.must_change_password))
    .bind(column(agents, |a| a.created_at))
    .bind(column(agents, |a| a.last_login_at))
    .bind(column(&secrets, |s| s.password.as_str()))
    .bind(column(&secrets, |s| s.payout_password.as_deref()))
    .bind(column(&secrets, |s| s.phone.stored.as_deref()))
    .bind(column(&secrets, |s| s.phone.bidx.as_deref()))
    .bind(column(&secrets, |s| s.email.stored.as_deref()))
    .bind(column(&secrets, |s| s.email.bidx.as_deref()))
    .bind(column(agents, bank))
    .bind(column(&secrets, |s| s.bank_num.stored.as_deref()))
    .execute(conn)
    .await?;
    Ok(())
}

async fn secrets_of(vault: &Vault, agent: &DemoAgent) -> anyhow::Result<Secrets> {
    let number = agent.default_card().map(|card| card.number.as_str());
    Ok(Secrets {
        password: vault.password(agent.password).await?,
        payout_password: vault.payout_password(agent.payout_password).await?,
        phone: vault.seal(PiiColumn::Phone, agent.storage, agent.phone.as_deref())?,
        email: vault.seal(PiiColumn::Email, agent.storage, agent.email.as_deref())?,
        bank_num: vault.seal(PiiColumn::CardNumber, agent.storage, number)?,
    })
}

async fn store_memberships(conn: &mut PgConnection, world: &World) -> anyhow::Result<()> {
    let members: Vec<_> = world
        .agents
        .iter()
        .flat_map(|agent| agent.memberships.iter().map(move |member| (agent, member)))
        .collect();
    sqlx::query(
        "INSERT INTO agent_brand (agent_id, brand_id, status, updated_at) \
         SELECT agent_id, brand_id, CASE WHEN enabled THEN 'enabled' ELSE 'disabled' END, at \
         FROM unnest($1::bigint[], $2::bigint[], $3::boolean[], $4::timestamptz[]) \
              AS m (agent_id, brand_id, enabled, at)",
    )
    .bind(column(&members, |(agent, _)| agent.guid))
    .bind(column(&members, |(_, member)| {
        world.brands[member.brand].id()
    }))
    .bind(column(&members, |(_, member)| member.enabled))
    .bind(column(&members, |(agent, _)| agent.created_at))
    .execute(conn)
    .await?;
    Ok(())
}

async fn store_settings(conn: &mut PgConnection, world: &World) -> anyhow::Result<()> {
    let special: Vec<&DemoAgent> = world
        .agents
        .iter()
        .filter(|agent| agent.has_settings)
        .collect();
    let own = own_limits();
    sqlx::query(
        "INSERT INTO agent_setting (agent_id, brand_id, registration_mode, max_withdrawal_limit, withdraw_fee_rate, \
                                    daily_withdraw_count, max_open_withdrawals, coupon_quota_monthly) \
         SELECT agent_id, brand_id, CASE agent_id % 3 WHEN 0 THEN 'invite_only' ELSE 'open' END, $2, $3, $4, $5, $6 \
         FROM agent_brand WHERE agent_id = ANY ($1)",
    )
    .bind(column(&special, |agent| agent.guid))
    .bind(own.max_amount)
    .bind(own.fee_rate)
    .bind(own.daily_count)
    .bind(own.max_open)
    .bind(own.coupon_quota)
    .execute(conn)
    .await?;
    Ok(())
}

/// Some agents bring players in over hosts of their own.
async fn store_hosts(conn: &mut PgConnection, world: &World) -> anyhow::Result<()> {
    let owners: Vec<(&DemoAgent, usize)> = world
        .agents
        .iter()
        .filter(|agent| agent.level <= 2 && agent.status == "active")
        .filter_map(|agent| Some((agent, agent.memberships.iter().find(|m| m.enabled)?.brand)))
        .collect();
    let host = |(agent, brand): &(&DemoAgent, usize)| {
        let suffix = if *brand == BRAND_A { "lotus" } else { "perla" };
        format!(
            "{}-{suffix}.example",
            agent.username.replace(['_', '.'], "-")
        )
    };
    sqlx::query(
        "INSERT INTO agent_domain (agent_id, brand_id, domain, status, created_at) \
         SELECT agent_id, brand_id, domain, CASE WHEN ordinality % 6 = 0 THEN 'disabled' ELSE 'active' END, at \
         FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::timestamptz[]) WITH ORDINALITY \
              AS d (agent_id, brand_id, domain, at)",
    )
    .bind(column(&owners, |(agent, _)| agent.guid))
    .bind(column(&owners, |(_, brand)| world.brands[*brand].id()))
    .bind(column(&owners, host))
    .bind(column(&owners, |(agent, _)| agent.created_at))
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn store_cards(
    conn: &mut PgConnection,
    world: &World,
    vault: &Vault,
) -> anyhow::Result<usize> {
    let owned = world.agents.iter().flat_map(|agent| {
        let cards = agent.cards.iter().enumerate();
        cards.map(move |(index, card)| (agent, index, card))
    });
    let cards: Vec<_> = owned.collect();
    let mut sealed = Vec::with_capacity(cards.len());
    for (agent, _, card) in &cards {
        let number = vault.seal(PiiColumn::CardNumber, agent.storage, Some(&card.number))?;
        let holder = vault.seal(PiiColumn::HolderName, agent.storage, Some(&agent.holder))?;
        sealed.push((number, holder));
    }
    sqlx::query(
        "INSERT INTO agent_bank_card (id, agent_id, bank_id, card_number, card_bidx, card_last4, holder_name, \
                                      holder_bidx, branch, is_default, created_at) \
         SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::bytea[], $6::text[], \
                              $7::text[], $8::bytea[], $9::text[], $10::boolean[], $11::timestamptz[])",
    )
    .bind(column(&cards, |(_, _, card)| card.id))
    .bind(column(&cards, |(agent, _, _)| agent.guid))
    .bind(column(&cards, |(_, _, card)| world.banks[card.bank].id))
    .bind(column(&sealed, |(number, _)| number.stored.as_deref()))
    .bind(column(&sealed, |(number, _)| number.bidx.as_deref()))
    .bind(column(&cards, |(_, _, card)| card.last4()))
    .bind(column(&sealed, |(_, holder)| holder.stored.as_deref()))
    .bind(column(&sealed, |(_, holder)| holder.bidx.as_deref()))
    .bind(column(&cards, |(_, _, card)| card.branch))
    .bind(column(&cards, |(_, index, _)| *index == 0))
    .bind(column(&cards, |(_, _, card)| card.created_at))
    .execute(conn)
    .await?;
    Ok(cards.len())
}
