//! Exports: every row that a filter leaves, read at one instant while a client takes it.
//!
//! An export holds a database connection for as long as it runs. So few run at once, one of an
//! agent, and none longer than the policy says, however slowly it is taken. One that would have too
//! many rows is refused before its first byte.

use std::{
    collections::HashSet,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use agent_domain::{AgentGuid, Code, Problem, page::PageRequest};
use agent_persistence::{Rows, Tx};
use agent_telemetry::Metrics;
use futures_util::{StreamExt as _, stream};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use crate::{app::App, session::Principal};

/// Told to a client that asks while others export.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// What exports may cost.
#[derive(Clone, Copy, Debug)]
pub struct ExportPolicy {
    pub max_rows: i64,
    /// From the first statement to the last row that was taken.
    pub longest: Duration,
    /// In this process.
    pub at_once: usize,
}

/// The places of a process.
pub struct Exports {
    policy: ExportPolicy,
    places: Arc<Semaphore>,
    /// Agents that have one running.
    running: Arc<Mutex<HashSet<AgentGuid>>>,
}

impl Exports {
    #[must_use]
    pub fn new(policy: ExportPolicy) -> Self {
        Self {
            policy,
            places: Arc::new(Semaphore::new(policy.at_once)),
            running: Arc::default(),
        }
    }

    fn enter(&self, agent: AgentGuid) -> Option<Place> {
        let permit = self.places.clone().try_acquire_owned().ok()?;
        let running = self.running.clone();
        if !lock(&running).insert(agent) {
            return None;
        }
        Some(Place {
            agent,
            running,
            _permit: permit,
        })
    }
}

fn lock(running: &Mutex<HashSet<AgentGuid>>) -> std::sync::MutexGuard<'_, HashSet<AgentGuid>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A place, until it is dropped.
struct Place {
    agent: AgentGuid,
    running: Arc<Mutex<HashSet<AgentGuid>>>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.agent);
    }
}

/// An export that has its place, and whose rows are not read yet.
pub struct Opening {
    run: Run,
    policy: ExportPolicy,
}

impl Opening {
    /// Takes a place. `report` says in metrics and file names what is exported.
    ///
    /// # Errors
    /// `rate_limited` while the agent has another export running, or too many others have.
    pub fn new(app: &App, principal: &Principal, report: &'static str) -> Result<Self, Problem> {
        let (exports, metrics) = (&app.exports, app.core.metrics.clone());
        let policy = exports.policy;
        let Some(place) = exports.enter(principal.agent()) else {
            count(&metrics, report, &Outcome::Busy);
            let detail = "another export is still running; wait until it has ended";
            return Err(Problem::new(Code::RateLimited, detail).retry_after(RETRY_AFTER));
        };
        let run = Run {
            report,
            deadline: Instant::now() + policy.longest,
            metrics,
            _place: place,
        };
        Ok(Self { run, policy })
    }

    /// Begins the transaction in which all is counted and read.
    ///
    /// # Errors
    /// `unavailable` without a database connection in time.
    pub async fn begin(&self, app: &App) -> Result<Tx, Problem> {
        Ok(app.core.db.export(self.policy.longest).await?)
    }

    /// Most rows that an export has: count no further than one more.
    #[must_use]
    pub fn max_rows(&self) -> i64 {
        self.policy.max_rows
    }

    /// Every row, as the page of a list that has no other.
    #[must_use]
    pub fn page(&self) -> PageRequest {
        PageRequest::whole(self.policy.max_rows)
    }

    /// As [`Self::page`], and one row more: whoever is read at once is counted thereby.
    #[must_use]
    pub fn page_and_one(&self) -> PageRequest {
        PageRequest::whole(self.policy.max_rows + 1)
    }

    /// Refuses more rows than an export may have.
    ///
    /// # Errors
    /// `export_too_large`.
    pub fn admit(&self, rows: i64) -> Result<(), Problem> {
        let most = self.policy.max_rows;
        if rows <= most {
            return Ok(());
        }
        count(&self.run.metrics, self.run.report, &Outcome::TooLarge);
        let detail = format!("an export has at most {most} rows; narrow the filter");
        Err(Problem::new(Code::ExportTooLarge, detail))
    }

    /// An export of rows that `select` reads in the transaction in which they were counted.
    pub fn stream<R>(
        self,
        tx: Tx,
        select: impl for<'t> FnOnce(&'t mut Tx) -> Rows<'t, R> + Send + 'static,
    ) -> Export<R> {
        Export {
            run: self.run,
            source: Source::Statement {
                tx,
                select: Some(Box::new(select)),
            },
        }
    }

    /// An export of rows that are few by nature, and were read at once.
    ///
    /// # Errors
    /// `export_too_large`.
    pub fn ready<R>(self, rows: Vec<R>) -> Result<Export<R>, Problem> {
        self.admit(i64::try_from(rows.len()).unwrap_or(i64::MAX))?;
        Ok(Export {
            run: self.run,
            source: Source::Ready(rows),
        })
    }
}

type Select<R> = Box<dyn for<'t> FnOnce(&'t mut Tx) -> Rows<'t, R> + Send>;

enum Source<R> {
    Ready(Vec<R>),
    Statement { tx: Tx, select: Option<Select<R>> },
}

struct Run {
    report: &'static str,
    deadline: Instant,
    metrics: Arc<Metrics>,
    _place: Place,
}

/// An export whose rows wait to be taken. Dropped, it gives back connection and place.
pub struct Export<R> {
    run: Run,
    source: Source<R>,
}

impl<R: Send + 'static> Export<R> {
    /// What is exported.
    #[must_use]
    pub fn report(&self) -> &'static str {
        self.run.report
    }

    /// When it has to be over.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.run.deadline
    }

    /// The rows, once.
    pub fn rows(&mut self) -> Rows<'_, R> {
        match &mut self.source {
            Source::Ready(rows) => stream::iter(std::mem::take(rows).into_iter().map(Ok)).boxed(),
            Source::Statement { tx, select } => match select.take() {
                Some(select) => select(tx),
                None => stream::empty().boxed(),
            },
        }
    }

    /// Gives back connection and place, and counts.
    pub fn end(self, outcome: &Outcome, rows: u64) {
        let Run {
            report, metrics, ..
        } = &self.run;
        count(metrics, report, outcome);
        let written = metrics.export_rows_total.with_label_values(&[report]);
        written.inc_by(rows);
    }
}

/// How an export ended.
#[derive(Debug)]
pub enum Outcome {
    Complete,
    /// The client went away.
    Aborted,
    /// The deadline passed, which a slow client does too.
    Late,
    Failed(Box<dyn Error + Send + Sync>),
    /// It was refused: too many rows.
    TooLarge,
    /// It was refused: no place.
    Busy,
}

impl Outcome {
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Aborted => "aborted",
            Self::Late => "late",
            Self::Failed(_) => "failed",
            Self::TooLarge => "too_large",
            Self::Busy => "busy",
        }
    }
}

fn count(metrics: &Metrics, report: &str, outcome: &Outcome) {
    let labels = [report, outcome.label()];
    metrics.exports_total.with_label_values(&labels).inc();
}
