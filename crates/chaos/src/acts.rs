//! Doing what was planned.

use std::{
    collections::HashSet,
    sync::{
        PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use agent_chaos::proxy::Weather;
use agent_domain::{
    AgentGuid, DomainEvent, EventBody, Money, event::AccountAdjusted, money::Currency,
};
use agent_persistence::{Tx, outbox};
use anyhow::Context as _;
use rust_decimal::Decimal;
use uuid::Uuid;

use crate::{
    hostile,
    journal::Rule,
    plan::Act,
    stage::{API, Shared, Stage, world::BRAND},
};

/// A process drains for at most 8 s; the rest is for a busy machine.
pub(crate) const ENDS_WITHIN: Duration = Duration::from_secs(20);
/// Events that a worker is busy with when it is killed.
const BACKLOG: u64 = 1_000;
const BETWEEN_WRITES: Duration = Duration::from_millis(10);
/// Payloads above 256 KiB are refused.
const POISON_BYTES: usize = 300_000;

/// Agents that exist in events only: each act has aggregates of its own, because whoever writes an
/// event holds the lock of its aggregate.
static NEXT_AGGREGATE: AtomicI64 = AtomicI64::new(9_000_000);

/// Does it and waits until it is over. What goes wrong within the harness ends the run.
pub(crate) async fn perform(stage: &Shared, act: &Act) -> anyhow::Result<()> {
    match act {
        Act::Network {
            links,
            weather,
            lasts,
        } => network(stage, links, *weather, *lasts).await,
        Act::Kill {
            process,
            busy,
            away,
        } => {
            if *process != API {
                burst(stage, BACKLOG).await?;
                tokio::time::sleep(*busy).await;
            }
            stage.processes[*process].kill(*away).await?;
        }
        Act::Terminate { process, away } => terminate(stage, *process, *away).await?,
        Act::Pause { process, lasts } => stage.processes[*process].pause(*lasts).await,
        Act::FlushAll => {
            let mut history = stage.history.lock().await;
            history.flush(&mut stage.redis.clone()).await?;
        }
        Act::Poison { rows } => poison(stage, *rows).await?,
        Act::LongTransaction {
            rows,
            lasts,
            commits,
        } => long_transaction(stage, *rows, *lasts, *commits).await?,
        Act::Burst { rows } => burst(stage, *rows).await?,
        Act::EndSessions => {
            sqlx::query(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE application_name IN ('agent-api', 'agent-worker')",
            )
            .execute(&stage.owner)
            .await?;
        }
        Act::LockAccounts { lasts } => {
            let mut lock = stage.owner.begin().await?;
            sqlx::query("SELECT FROM agent_account ORDER BY agent_id FOR UPDATE")
                .execute(&mut *lock)
                .await?;
            tokio::time::sleep(*lasts).await;
            lock.rollback().await?;
        }
        Act::Hostile { attack, clients } => {
            hostile::wave(stage, *attack, *clients).await;
        }
    }
    Ok(())
}

async fn network(stage: &Stage, links: &[usize], weather: Weather, lasts: Duration) {
    for link in links {
        stage.links[*link].proxy.set(weather);
    }
    tokio::time::sleep(lasts).await;
    for link in links {
        stage.links[*link].proxy.set(Weather::Fair);
    }
}

/// Ends a process in order; it has to do so with success and in time, whatever the network does.
pub(crate) async fn terminate(stage: &Stage, process: usize, away: Duration) -> anyhow::Result<()> {
    end(stage, process).await?;
    tokio::time::sleep(away).await;
    stage.processes[process].start().await
}

/// As [`terminate`], for good.
pub(crate) async fn end(stage: &Stage, process: usize) -> anyhow::Result<()> {
    let process = &stage.processes[process];
    let end = process.terminate(ENDS_WITHIN).await?;
    let name = process.name();
    let broken = |text: String| stage.journal.broken(Rule::EndsCleanly, text);
    match end.status {
        None => broken(format!("{name} did not end within {:?}", end.took)),
        Some(status) if !status.success() => broken(format!("{name} ended with {status}")),
        Some(_) => {}
    }
    Ok(())
}

/// Watches for processes that die by themselves.
pub(crate) async fn watch(stage: &Stage) -> anyhow::Result<()> {
    loop {
        for process in &stage.processes {
            if let Some(status) = process.died().await? {
                let text = format!("{} died by itself: {status}", process.name());
                stage.journal.broken(Rule::EndsCleanly, text);
            }
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn aggregate() -> i64 {
    NEXT_AGGREGATE.fetch_add(1, Ordering::Relaxed)
}

fn event(stage: &Stage, aggregate: i64, reference: String) -> anyhow::Result<DomainEvent> {
    let currency: Currency = "THB".parse().context("a currency")?;
    Ok(DomainEvent {
        event_id: Uuid::now_v7(),
        brand_id: BRAND,
        occurred_at: stage.app.core.clock.now(),
        body: EventBody::AccountAdjusted(AccountAdjusted {
            agent_id: AgentGuid(aggregate),
            amount: Money(Decimal::ONE),
            currency,
            available: Money(Decimal::ONE),
            frozen: Money(Decimal::ZERO),
            reference,
        }),
    })
}

/// Writes events, turn by turn to each of some aggregates.
async fn append(stage: &Stage, tx: &mut Tx, rows: u64, aggregates: &[i64]) -> anyhow::Result<()> {
    for (row, aggregate) in (0..rows).zip(aggregates.iter().cycle()) {
        outbox::append(tx, &event(stage, *aggregate, format!("n-{row}"))?).await?;
    }
    Ok(())
}

async fn burst(stage: &Stage, rows: u64) -> anyhow::Result<()> {
    let aggregates: Vec<i64> = (0..12).map(|_| aggregate()).collect();
    let mut tx = stage.app.core.db.begin().await?;
    append(stage, &mut tx, rows, &aggregates).await?;
    stage.app.core.commit(tx).await?;
    Ok(())
}

/// A few events at a time of the same aggregates, so that each has older and younger ones.
pub(crate) async fn write_until(stage: &Stage, over: &AtomicBool) -> anyhow::Result<()> {
    let aggregates: Vec<i64> = (0..6).map(|_| aggregate()).collect();
    while !over.load(Ordering::Relaxed) {
        let mut tx = stage.app.core.db.begin().await?;
        append(stage, &mut tx, 12, &aggregates).await?;
        stage.app.core.commit(tx).await?;
        tokio::time::sleep(BETWEEN_WRITES).await;
    }
    Ok(())
}

/// The ids are taken when it begins, and are seen when it ends: others with higher ids commit in
/// between.
async fn long_transaction(
    stage: &Stage,
    rows: u64,
    lasts: Duration,
    commits: bool,
) -> anyhow::Result<()> {
    let aggregates = [aggregate(), aggregate(), aggregate()];
    let mut tx = stage.app.core.db.begin().await?;
    append(stage, &mut tx, rows, &aggregates).await?;
    tokio::time::sleep(lasts).await;
    if commits {
        stage.app.core.commit(tx).await?;
    } else {
        tx.rollback().await?;
    }
    Ok(())
}

/// Each between two good rows of the same aggregate.
async fn poison(stage: &Stage, rows: u64) -> anyhow::Result<()> {
    for _ in 0..rows {
        let aggregate = aggregate();
        let ill = event(stage, aggregate, "x".repeat(POISON_BYTES))?;
        let mut tx = stage.app.core.db.begin().await?;
        append(stage, &mut tx, 1, &[aggregate]).await?;
        outbox::append(&mut tx, &ill).await?;
        append(stage, &mut tx, 2, &[aggregate]).await?;
        stage.app.core.commit(tx).await?;
        let mut known = stage.poison.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(ill.event_id);
    }
    Ok(())
}

/// Poison rows that were committed.
pub(crate) fn poisoned(stage: &Stage) -> HashSet<String> {
    let known = stage.poison.lock().unwrap_or_else(PoisonError::into_inner);
    known.iter().map(Uuid::to_string).collect()
}
