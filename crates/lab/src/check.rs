//! `check`: do the books balance, and is the relay keeping up.

use agent_domain::Money;
use agent_persistence::{outbox, portal::account::ledger_mismatches};
use rust_decimal::Decimal;

use crate::{context::Lab, out::say, table};

pub(crate) async fn run(lab: &Lab) -> anyhow::Result<()> {
    let core = lab.core()?;
    let backlog = outbox::backlog(core.db.pool()).await?;
    say!(
        "outbox: {} pending (oldest {:.0} s), {} parked",
        backlog.pending,
        backlog.oldest_seconds,
        backlog.parked
    );
    let mismatches = ledger_mismatches(core.db.pool()).await?;
    say!("ledger: {mismatches} account(s) differ from their entries");
    if mismatches > 0 {
        print_mismatches(lab).await?;
        anyhow::bail!("the books do not balance");
    }
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Mismatch {
    username: String,
    code: String,
    available: Decimal,
    frozen: Decimal,
    available_sum: Decimal,
    frozen_sum: Decimal,
}

async fn print_mismatches(lab: &Lab) -> anyhow::Result<()> {
    let rows: Vec<Mismatch> = sqlx::query_as(
        "SELECT g.username, b.code, a.available, a.frozen, \
                coalesce(sum(l.available_delta), 0) AS available_sum, coalesce(sum(l.frozen_delta), 0) AS frozen_sum \
         FROM agent_account a JOIN agent g ON g.guid = a.agent_id JOIN brand b ON b.brand_id = a.brand_id \
         LEFT JOIN agent_ledger l ON (l.agent_id, l.brand_id, l.currency) = (a.agent_id, a.brand_id, a.currency) \
         GROUP BY g.username, b.code, a.agent_id, a.brand_id, a.currency \
         HAVING a.available <> coalesce(sum(l.available_delta), 0) OR a.frozen <> coalesce(sum(l.frozen_delta), 0) \
         ORDER BY g.username, b.code LIMIT 20",
    )
    .fetch_all(&lab.owner().await?)
    .await?;
    let cells: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let amounts = [row.available, row.available_sum, row.frozen, row.frozen_sum];
            let [available, available_sum, frozen, frozen_sum] =
                amounts.map(|amount| Money(amount).to_string());
            [
                row.username,
                row.code,
                available,
                available_sum,
                frozen,
                frozen_sum,
            ]
        })
        .collect();
    let heading = [
        "agent",
        "brand",
        "available",
        "of ledger",
        "frozen",
        "of ledger",
    ];
    table::print(heading, &cells);
    Ok(())
}
