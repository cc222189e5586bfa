//! What share of the win each agent keeps, by provider: never more than the agent above.

use std::collections::HashMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use sqlx::PgConnection;

use super::{
    dice::Dice,
    world::{World, column},
};

pub(super) struct Share {
    pub(super) agent: usize,
    pub(super) brand: usize,
    pub(super) provider: usize,
    pub(super) effective_from: NaiveDate,
    pub(super) percentage: Decimal,
}

pub(super) fn plan(world: &World) -> Vec<Share> {
    let mut dice = Dice::of("percentages");
    let mut current: HashMap<(usize, usize, usize), i64> = HashMap::new();
    let mut shares = Vec::new();
    for (index, agent) in world.agents.iter().enumerate() {
        for member in agent.memberships.iter().filter(|member| member.enabled) {
            let brand = &world.brands[member.brand].brand;
            for provider in 0..world.providers.len() {
                let above = agent
                    .parent
                    .and_then(|parent| current.get(&(parent, member.brand, provider)));
                let half_percents = match above {
                    Some(above) => above - dice.between(4, 16),
                    None => dice.between(100, 124),
                };
                let half_percents = half_percents.max(4);
                current.insert((index, member.brand, provider), half_percents);
                shares.push(Share {
                    agent: index,
                    brand: member.brand,
                    provider,
                    // The agent above is older, so whoever has a share has one above it, every day.
                    effective_from: brand.day_of(agent.created_at),
                    percentage: Decimal::new(half_percents * 5, 1),
                });
            }
        }
    }
    raise_the_tops(world, &mut shares);
    shares
}

/// The agents at the top got half a percent more some weeks ago: a change of terms that keeps
/// everybody below them below.
fn raise_the_tops(world: &World, shares: &mut Vec<Share>) {
    let is_top = |share: &&Share| world.agents[share.agent].parent.is_none() && share.provider < 2;
    let raise = |share: &Share| Share {
        effective_from: world.brands[share.brand].brand.day_of(world.now)
            - chrono::Duration::days(40),
        percentage: share.percentage + Decimal::new(5, 1),
        ..*share
    };
    let raised: Vec<Share> = shares.iter().filter(is_top).map(raise).collect();
    shares.extend(raised);
}

pub(super) async fn store(
    conn: &mut PgConnection,
    world: &World,
    shares: &[Share],
) -> anyhow::Result<()> {
    let above = |share: &Share| {
        world.agents[share.agent]
            .parent
            .map(|parent| world.agents[parent].guid)
    };
    sqlx::query(
        "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage, set_by, \
                                                created_at) \
         SELECT agent_id, brand_id, provider_id, day, percentage, set_by, day \
         FROM unnest($1::bigint[], $2::bigint[], $3::integer[], $4::date[], $5::numeric[], $6::bigint[]) \
              AS s (agent_id, brand_id, provider_id, day, percentage, set_by)",
    )
    .bind(column(shares, |s| world.agents[s.agent].guid))
    .bind(column(shares, |s| world.brands[s.brand].id()))
    .bind(column(shares, |s| world.providers[s.provider].id))
    .bind(column(shares, |s| s.effective_from))
    .bind(column(shares, |s| s.percentage))
    .bind(column(shares, above))
    .execute(conn)
    .await?;
    Ok(())
}
