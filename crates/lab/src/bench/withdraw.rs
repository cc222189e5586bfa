//! Orders of many agents, each a transaction that holds money.

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::{
    accounts::HOST,
    agents::{self, Agent},
    effort::Effort,
    figure::{Figure, Target},
};
use crate::{
    out::say,
    rig::{
        Rig, http,
        load::{self, Job, Variation, Work},
    },
};

const NAME: &str = "withdraw";
const AGENTS: usize = 1_000;
const CLIENTS: usize = 8;

/// The highest that there are: each agent orders again and again. Passwords are hashed at the
/// least cost, so that all agents are signed in within seconds.
const SETTINGS: &[(&str, &str)] = &[
    ("WITHDRAW_MAX_OPEN", "1000"),
    ("CHANGES_PER_HOUR", "1000000"),
    ("ARGON2_MEMORY_KIB", "8"),
    ("ARGON2_TIME", "1"),
];

pub(super) async fn run(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let rig = Rig::empty(SETTINGS).await?;
    let agents = agents::write(&rig, AGENTS).await?;
    let api = rig.api(&[]).await?;
    let tokens = agents::sign_in(&api, &agents)?;
    let requests: Vec<String> = agents
        .iter()
        .zip(&tokens)
        .map(|(agent, token)| order(agent, token))
        .collect();
    let statements = rig.record(&api, &requests[..1]).await?.remove(0);
    let variation = variation(&rig, &agents).await?;
    let sent_again = Work::Sql {
        database: rig.database.clone(),
        statements,
        variation,
    };
    let orders = Work::Http {
        address: api.address(),
        requests,
        status: 201,
        rate: None,
    };
    let job = |work| Job {
        clients: CLIENTS,
        warm_up: effort.warm_up,
        run: effort.turn * 2,
        work,
    };
    let (bare, served) = (job(sent_again), job(orders));
    let baseline = async || Ok(load::run(rig.cores, &bare).await?.rate);
    let product = async || Ok(load::run(rig.cores, &served).await?.rate);
    let pairs = effort.alternate(baseline, product).await?;
    balanced(&rig).await?;
    let what = format!("orders of {AGENTS} agents, {CLIENTS} clients");
    let rate = Figure::of_pairs(NAME, what, "/s", &pairs, Target::RatioAtLeast(0.6));
    say!("  {}", rate.row().join("  "));
    Ok(vec![rate])
}

fn order(agent: &Agent, token: &str) -> String {
    let body = json!({ "amount": "500.00", "card_id": agent.card, "remark": "bench" });
    let token = format!("Authorization: Bearer {token}\r\n");
    http::post(HOST, "/agent/withdraw/add", &token, &body)
}

/// The first agent's order stands for those of all; no two have the same number.
async fn variation(rig: &Rig, agents: &[Agent]) -> anyhow::Result<Variation> {
    let ids = |agent: &Agent| vec![agent.guid.to_string(), agent.card.to_string()];
    let first = agents.first().context("no agents")?;
    let mut owner = rig.owner().await?;
    let number: String = sqlx::query_scalar(
        "SELECT withdraw_no FROM agent_withdraw WHERE agent_id = $1 ORDER BY guid DESC LIMIT 1",
    )
    .bind(first.guid)
    .fetch_one(&mut owner)
    .await?;
    Ok(Variation {
        recorded: ids(first),
        instead: agents.iter().map(ids).collect(),
        unique: Some(number),
    })
}

/// Both sides have held what they ordered, each for the agent that ordered it.
async fn balanced(rig: &Rig) -> anyhow::Result<()> {
    let mut owner = rig.owner().await?;
    let unlike: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM agent_account a WHERE frozen <> \
                (SELECT coalesce(sum(amount), 0) FROM agent_withdraw w WHERE w.agent_id = a.agent_id)",
    )
    .fetch_one(&mut owner)
    .await?;
    ensure!(unlike == 0, "{unlike} accounts do not equal their orders");
    Ok(())
}
