//! The outbox against everything that ever was in the stream.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use serde_json::Value;
use sqlx::{PgPool, Row as _};

use crate::{
    acts::{poisoned, write_until},
    history::Entry,
    journal::Rule,
    stage::{Stage, process::command},
};

/// Longer than the relay's poll.
const WRITTEN_BEFORE: Duration = Duration::from_secs(2);

/// A committed event.
struct Committed {
    id: i64,
    event_type: String,
    aggregate: String,
    payload: Value,
}

async fn committed(owner: &PgPool) -> anyhow::Result<HashMap<String, Committed>> {
    let rows = sqlx::query(
        "SELECT event_id::text, id, event_type, aggregate_type || ':' || aggregate_id, \
                CASE WHEN length(payload::text) < 10000 THEN payload END FROM agent_outbox",
    )
    .fetch_all(owner)
    .await?;
    let of_row = |row: sqlx::postgres::PgRow| {
        let committed = Committed {
            id: row.get(1),
            event_type: row.get(2),
            aggregate: row.get(3),
            payload: row.get::<Option<Value>, _>(4).unwrap_or(Value::Null),
        };
        (row.get(0), committed)
    };
    Ok(rows.into_iter().map(of_row).collect())
}

async fn parked(owner: &PgPool) -> anyhow::Result<HashSet<String>> {
    let parked: Vec<String> = sqlx::query_scalar(
        "SELECT o.event_id::text FROM agent_outbox_pending p \
         JOIN agent_outbox o ON o.id = p.id AND o.occurred_at = p.occurred_at \
         WHERE p.parked_at IS NOT NULL",
    )
    .fetch_all(owner)
    .await?;
    Ok(parked.into_iter().collect())
}

/// Entries since a given place of the history were appended in quiet operation: no event twice,
/// and none that was there before.
pub(crate) async fn quiet_since(stage: &Stage, from: usize, phase: &str) -> anyhow::Result<usize> {
    let mut history = stage.history.lock().await;
    let entries = history.look(&mut stage.redis.clone()).await?;
    let (before, since) = entries.split_at(from.min(entries.len()));
    let mut seen: HashSet<&str> = before.iter().map(|entry| &*entry.event_id).collect();
    for entry in since {
        if !seen.insert(&entry.event_id) {
            let text = format!("{phase}: {} {} once more", entry.aggregate, entry.event_id);
            stage.journal.broken(Rule::QuietMeansOnce, text);
        }
    }
    Ok(entries.len())
}

/// Nothing lost, nothing invented, nothing out of order, poison parked.
pub(crate) async fn judge(stage: &Stage) -> anyhow::Result<()> {
    let committed = committed(&stage.owner).await?;
    let parked = parked(&stage.owner).await?;
    let mut history = stage.history.lock().await;
    let flushed = history.flushed;
    let entries = history.look(&mut stage.redis.clone()).await?;
    let firsts = firsts(entries);
    let journal = &stage.journal;
    journal.note(
        Rule::NothingLost,
        format!("{} events, {flushed} times FLUSHALL", committed.len()),
    );
    journal.note(
        Rule::OrderKept,
        format!("{} repetitions under faults", entries.len() - firsts.len()),
    );
    let published: HashSet<&str> = firsts.iter().map(|entry| &*entry.event_id).collect();
    let lost = committed
        .iter()
        .filter(|(event, _)| !published.contains(&***event) && !parked.contains(*event));
    let mut lost: Vec<_> = lost.collect();
    lost.sort_by_key(|(_, event)| event.id);
    journal.all_broken(
        Rule::NothingLost,
        lost.into_iter().map(|(event, committed)| {
            let Committed {
                id,
                event_type,
                aggregate,
                ..
            } = committed;
            format!("row {id} ({event_type} of {aggregate}, {event}) never was in the stream")
        }),
    );
    journal.all_broken(Rule::NothingInvented, invented(entries, &committed));
    journal.all_broken(Rule::OrderKept, disorder(&firsts, &committed));
    judge_parked(stage, &parked, &published);
    Ok(())
}

/// The stream is lost, and a replay of all rows fills it again, while others write: each event once,
/// and in the order of its aggregate. Only what was published before the replay had its shard comes
/// twice.
pub(crate) async fn refill(stage: &Stage) -> anyhow::Result<()> {
    let mut redis = stage.redis.clone();
    stage.history.lock().await.flush(&mut redis).await?;
    let mut replay = command("agent-api", &stage.environment)?;
    replay.args(["outbox", "replay", "--from", "1", "--by", "chaos"]);
    let over = AtomicBool::new(false);
    let replayed = async {
        // So that some of it is published before.
        tokio::time::sleep(WRITTEN_BEFORE).await;
        let replayed = tokio::task::spawn_blocking(move || replay.output()).await;
        over.store(true, Ordering::Relaxed);
        anyhow::Ok(replayed??)
    };
    let (replayed, written) = tokio::join!(replayed, write_until(stage, &over));
    let replayed = replayed?;
    written?;
    let broken = |texts: Vec<String>| stage.journal.all_broken(Rule::StreamIsFilledAgain, texts);
    if !replayed.status.success() {
        let said = String::from_utf8_lossy(&replayed.stderr).into_owned();
        broken(vec![format!("the replay failed: {said}")]);
        return Ok(());
    }
    stage.until_quiet().await?;
    let committed = committed(&stage.owner).await?;
    let parked = parked(&stage.owner).await?;
    let mut history = stage.history.lock().await;
    history.look(&mut redis).await?;
    let firsts = firsts(history.present());
    let there: HashSet<&str> = firsts.iter().map(|entry| &*entry.event_id).collect();
    let missing = committed
        .keys()
        .filter(|event| !there.contains(&***event) && !parked.contains(*event));
    broken(
        missing
            .map(|event| format!("{event} is not there"))
            .collect(),
    );
    broken(unordered(history.present(), &committed));
    let early = history.present().len() - firsts.len();
    let note = format!("{} events, {early} of them also before it", firsts.len());
    stage.journal.note(Rule::StreamIsFilledAgain, note);
    Ok(())
}

/// Aggregates whose events are not all there, once and in their order, behind what was published
/// before the replay; that is in order, too, and without a repetition.
fn unordered(present: &[Entry], committed: &HashMap<String, Committed>) -> Vec<String> {
    let mut of_aggregates: HashMap<&str, Vec<i64>> = HashMap::new();
    for entry in present {
        if let Some(row) = committed.get(&entry.event_id) {
            of_aggregates
                .entry(&entry.aggregate)
                .or_default()
                .push(row.id);
        }
    }
    let mut found = Vec::new();
    for (aggregate, ids) in of_aggregates {
        let distinct = ids.iter().collect::<HashSet<_>>().len();
        let (before, filled) = ids.split_at(ids.len() - distinct);
        let rises = |ids: &[i64]| ids.is_sorted_by(|a, b| a < b);
        if !rises(before) || !rises(filled) {
            found.push(format!("{aggregate} came back as {ids:?}"));
        }
    }
    found
}

fn judge_parked(stage: &Stage, parked: &HashSet<String>, published: &HashSet<&str>) {
    let poison = poisoned(stage);
    let journal = &stage.journal;
    let note = format!("{} poison rows", poison.len());
    journal.note(Rule::PoisonIsParked, note);
    let wrongly = parked.difference(&poison);
    journal.all_broken(
        Rule::PoisonIsParked,
        wrongly.map(|event| format!("{event} is parked and was no poison")),
    );
    let loose = poison.difference(parked);
    journal.all_broken(
        Rule::PoisonIsParked,
        loose.map(|event| format!("{event} is poison and was not parked")),
    );
    let spread = poison.iter().filter(|event| published.contains(&***event));
    journal.all_broken(
        Rule::PoisonIsParked,
        spread.map(|event| format!("{event} is poison and was published")),
    );
}

/// The first entry of each event.
fn firsts(entries: &[Entry]) -> Vec<&Entry> {
    let mut seen = HashSet::new();
    let first = |entry: &&Entry| seen.insert(entry.event_id.clone());
    entries.iter().filter(first).collect()
}

/// Entries without a committed row, other than their row, or other than their first appearance.
fn invented(entries: &[Entry], committed: &HashMap<String, Committed>) -> Vec<String> {
    let mut digests: HashMap<&str, u64> = HashMap::new();
    let mut found = Vec::new();
    for entry in entries {
        let id = &entry.event_id;
        let first = *digests.entry(id).or_insert(entry.digest);
        if first != entry.digest {
            found.push(format!("{id} came again with other contents"));
        }
        let as_committed = committed.get(id).map(|row| {
            row.aggregate == entry.aggregate
                && row.event_type == entry.event_type
                && row.payload == entry.payload
        });
        match as_committed {
            Some(true) => {}
            Some(false) => found.push(format!("{id} is not what was committed")),
            None => found.push(format!("{id} of {} was never committed", entry.aggregate)),
        }
    }
    found
}

/// Ids of one aggregate are given and committed under its lock, so they rise in its order.
fn disorder(firsts: &[&Entry], committed: &HashMap<String, Committed>) -> Vec<String> {
    let mut latest: HashMap<&str, i64> = HashMap::new();
    let mut found = Vec::new();
    for entry in firsts {
        let Some(row) = committed.get(&entry.event_id) else {
            continue;
        };
        let before = latest.insert(&entry.aggregate, row.id);
        if let Some(before) = before.filter(|before| *before > row.id) {
            found.push(format!(
                "{}: row {before} before row {}",
                entry.aggregate, row.id
            ));
        }
    }
    found
}
