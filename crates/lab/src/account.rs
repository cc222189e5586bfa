//! `account`: an agent's money on a brand, adjusted through the use case.

use agent_crypto::random;
use agent_domain::{AgentGuid, BrandScope, Money, money::parse_request_amount};
use agent_services::portal::account::{Adjustment, adjust};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use clap::Subcommand;
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::{
    context::{Lab, OPERATOR, wake_relay},
    lookup,
    out::say,
    table,
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Add to the available balance.
    Credit(Change),
    /// Take from the available balance.
    Debit(Change),
    /// Balance and latest ledger entries.
    Show {
        /// Username or guid.
        agent: String,
        /// Code or id.
        brand: String,
    },
}

#[derive(clap::Args)]
pub(crate) struct Change {
    /// Username or guid.
    agent: String,
    /// Code or id.
    brand: String,
    /// Greater than zero, such as 1500.00.
    amount: String,
    /// Names the reason; the same reference is booked once only. A new one if not given.
    #[arg(long)]
    reference: Option<String>,
}

pub(crate) async fn run(lab: &Lab, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Credit(change) => book(lab, change, Decimal::ONE).await,
        Command::Debit(change) => book(lab, change, Decimal::NEGATIVE_ONE).await,
        Command::Show { agent, brand } => show(lab, agent, brand).await,
    }
}

async fn book(lab: &Lab, change: &Change, sign: Decimal) -> anyhow::Result<()> {
    let (pool, core) = (lab.owner().await?, lab.core()?);
    let scope = lookup::scope(&pool, &core.db, &change.brand).await?;
    let amount = parse_request_amount(&change.amount, scope.brand().currency).context("amount")?;
    let new_reference = || format!("lab-{}", random::uuid_v7(core.clock.now()));
    let adjustment = Adjustment {
        agent: lookup::agent(&pool, &change.agent).await?,
        scope,
        amount: amount * sign,
        reference: change.reference.clone().unwrap_or_else(new_reference),
        operator: OPERATOR.to_owned(),
    };
    let balance = adjust(&core, &adjustment).await?;
    wake_relay(&core).await;
    say!(
        "{} {} booked as {}: available {}, frozen {}",
        Money(adjustment.amount),
        adjustment.scope.brand().currency,
        adjustment.reference,
        Money(balance.available),
        Money(balance.frozen),
    );
    Ok(())
}

async fn show(lab: &Lab, agent: &str, brand: &str) -> anyhow::Result<()> {
    let (pool, core) = (lab.owner().await?, lab.core()?);
    let scope = lookup::scope(&pool, &core.db, brand).await?;
    let agent = lookup::agent(&pool, agent).await?;
    let balance: Option<(Decimal, Decimal)> = sqlx::query_as(
        "SELECT available, frozen FROM agent_account \
         WHERE agent_id = $1 AND brand_id = $2 AND currency = $3",
    )
    .bind(agent.0)
    .bind(scope.id().0)
    .bind(scope.brand().currency.as_str())
    .fetch_optional(&pool)
    .await?;
    let Some((available, frozen)) = balance else {
        say!("never had money on {brand}");
        return Ok(());
    };
    say!(
        "available {}, frozen {} ({})",
        Money(available),
        Money(frozen),
        scope.brand().currency
    );
    print_ledger(&pool, agent, &scope).await
}

#[derive(sqlx::FromRow)]
struct Entry {
    created_at: DateTime<Utc>,
    kind: String,
    available_delta: Decimal,
    frozen_delta: Decimal,
    available_after: Decimal,
    frozen_after: Decimal,
    ref_id: String,
}

async fn print_ledger(pool: &PgPool, agent: AgentGuid, scope: &BrandScope) -> anyhow::Result<()> {
    let entries: Vec<Entry> = sqlx::query_as(
        "SELECT created_at, kind, available_delta, frozen_delta, available_after, frozen_after, ref_id \
         FROM agent_ledger WHERE agent_id = $1 AND brand_id = $2 AND currency = $3 \
         ORDER BY id DESC LIMIT 20",
    )
    .bind(agent.0)
    .bind(scope.id().0)
    .bind(scope.brand().currency.as_str())
    .fetch_all(pool)
    .await?;
    let cells: Vec<_> = entries
        .into_iter()
        .map(|entry| {
            [
                entry.created_at.format("%Y-%m-%d %H:%M:%S").to_string(),
                entry.kind,
                Money(entry.available_delta).to_string(),
                Money(entry.frozen_delta).to_string(),
                Money(entry.available_after).to_string(),
                Money(entry.frozen_after).to_string(),
                entry.ref_id,
            ]
        })
        .collect();
    let heading = [
        "at (UTC)",
        "kind",
        "available +/-",
        "frozen +/-",
        "available",
        "frozen",
        "reference",
    ];
    table::print(heading, &cells);
    Ok(())
}
