//! The whole backfill: table by table, at a given pace, until it is done or told to stop.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use agent_persistence::{
    DbError,
    pii::{self as store, Table},
};
use tokio_util::sync::CancellationToken;

use super::{Backfill, Batch, Counts, Finding, Reason, WINDOW};

/// Findings that are remembered one by one; beyond that they are counted.
const NAMED_FINDINGS: usize = 1_000;
/// Times that locked rows are come back to.
const RETURNS: usize = 5;
const BEFORE_RETURN: Duration = Duration::from_millis(500);

/// How to go about it.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Rows in a transaction.
    pub batch: usize,
    /// Rows in a second.
    pub rate: usize,
    /// Read all, write nothing.
    pub dry_run: bool,
}

/// How far it has come.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Rows that were looked into.
    pub done: u64,
    /// Rows that had work to do in the beginning.
    pub total: u64,
}

/// What happened in a table.
#[derive(Debug)]
pub struct TableOutcome {
    pub table: Table,
    /// Rows with work to do.
    pub pending: u64,
    /// Rows that were written.
    pub written: u64,
    /// For each of [`Table::columns`].
    pub counts: Vec<Counts>,
    /// The first of them; [`Self::left`] counts them all.
    pub findings: Vec<Finding>,
    /// Values that could not be brought into form.
    pub left: u64,
}

/// What happened.
#[derive(Debug)]
pub struct Outcome {
    pub tables: Vec<TableOutcome>,
    /// Ended before the end, because it was told to.
    pub is_stopped: bool,
}

impl Outcome {
    /// Values that could not be brought into form.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.tables.iter().map(|table| table.left).sum()
    }
}

impl TableOutcome {
    fn new(table: Table) -> Self {
        Self {
            table,
            pending: 0,
            written: 0,
            counts: vec![Counts::default(); table.columns().len()],
            findings: Vec::new(),
            left: 0,
        }
    }

    fn add(&mut self, batch: Batch) {
        self.written += batch.written;
        for (sum, counts) in self.counts.iter_mut().zip(batch.counts) {
            *sum += counts;
        }
        for finding in batch.findings {
            self.find(finding);
        }
    }

    fn find(&mut self, finding: Finding) {
        self.left += 1;
        if self.findings.len() < NAMED_FINDINGS {
            self.findings.push(finding);
        }
    }
}

impl Backfill<'_> {
    /// Works until nothing is left that it can do, or until `stop`, which is heard between batches.
    ///
    /// # Errors
    /// The database failed, more than once. What was written until then stays; go on with another
    /// run.
    pub async fn run(
        &self,
        options: Options,
        stop: &CancellationToken,
        progress: impl FnMut(Progress),
    ) -> Result<Outcome, DbError> {
        let mut run = Run {
            backfill: self,
            options,
            stop,
            report: progress,
            progress: Progress {
                done: 0,
                total: self.pending().await?,
            },
            owners: HashMap::new(),
        };
        let mut tables = Vec::new();
        for table in Table::ALL {
            tables.push(run.table(table).await?);
        }
        Ok(Outcome {
            tables,
            is_stopped: stop.is_cancelled(),
        })
    }

    /// Rows with work to do.
    ///
    /// # Errors
    /// The database failed.
    pub async fn pending(&self) -> Result<u64, DbError> {
        let mut pending = 0;
        for table in Table::ALL {
            let mut after = i64::MIN;
            loop {
                let window = store::window(self.db.pool(), table, after, WINDOW).await?;
                pending += window.pending.len() as u64;
                let Some(end) = window.end else { break };
                after = end;
            }
        }
        Ok(pending)
    }
}

struct Run<'a, R> {
    backfill: &'a Backfill<'a>,
    options: Options,
    stop: &'a CancellationToken,
    report: R,
    progress: Progress,
    /// Numbers of cards that a rehearsal would have filled.
    owners: HashMap<Vec<u8>, i64>,
}

impl<R: FnMut(Progress)> Run<'_, R> {
    async fn table(&mut self, table: Table) -> Result<TableOutcome, DbError> {
        let mut outcome = TableOutcome::new(table);
        let mut busy = Vec::new();
        let mut after = i64::MIN;
        while !self.stop.is_cancelled() {
            let window = store::window(self.backfill.db.pool(), table, after, WINDOW).await?;
            outcome.pending += window.pending.len() as u64;
            busy.extend(self.rows(table, &window.pending, &mut outcome).await?);
            let Some(end) = window.end else { break };
            after = end;
        }
        self.come_back(table, busy, &mut outcome).await?;
        Ok(outcome)
    }

    /// Works on rows in batches; gives those that were locked.
    async fn rows(
        &mut self,
        table: Table,
        ids: &[i64],
        outcome: &mut TableOutcome,
    ) -> Result<Vec<i64>, DbError> {
        let mut busy = Vec::new();
        // Never more at once than a second's worth.
        let size = self.options.batch.min(self.options.rate).max(1);
        for ids in ids.chunks(size) {
            if self.stop.is_cancelled() {
                break;
            }
            let started = Instant::now();
            let mut batch = self.batch(table, ids).await?;
            busy.append(&mut batch.busy);
            outcome.add(batch);
            self.progress.done += ids.len() as u64;
            (self.report)(self.progress);
            self.rest(ids.len(), started).await;
        }
        Ok(busy)
    }

    async fn batch(&mut self, table: Table, ids: &[i64]) -> Result<Batch, DbError> {
        if self.options.dry_run {
            let owners = &mut self.owners;
            return self.backfill.rehearse(table, ids, owners).await;
        }
        self.backfill.step(table, ids).await
    }

    /// Returns to rows that somebody else had locked.
    async fn come_back(
        &mut self,
        table: Table,
        mut busy: Vec<i64>,
        outcome: &mut TableOutcome,
    ) -> Result<(), DbError> {
        for _ in 0..RETURNS {
            if busy.is_empty() || self.stop.is_cancelled() {
                break;
            }
            self.pause(BEFORE_RETURN).await;
            self.progress.done = self.progress.done.saturating_sub(busy.len() as u64);
            busy = self.rows(table, &busy, outcome).await?;
        }
        for id in busy {
            outcome.find(Finding {
                place: table.name(),
                id,
                reason: Reason::Busy,
            });
        }
        Ok(())
    }

    /// Holds the pace: a batch has taken at least as long as its rows may take.
    async fn rest(&self, rows: usize, started: Instant) {
        if self.options.dry_run {
            return;
        }
        let share = Duration::from_secs(1).mul_f64(rows as f64 / self.options.rate.max(1) as f64);
        self.pause(share.saturating_sub(started.elapsed())).await;
    }

    /// Waits, but not for longer than until the stop.
    async fn pause(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.stop.cancelled() => {}
        }
    }
}
