//! `agent-api pii`: personal data of older releases.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use agent_config::ApiSettings;
use agent_crypto::{DerivedKeys, RootKey};
use agent_persistence::pii::{Column, Shapes, Table};
use agent_services::{
    Clock, Core,
    observe::CryptoReports,
    pii_backfill::{Backfill, Finding, Options, Outcome, Progress, Reason},
    wiring,
};
use agent_telemetry::Metrics;
use anyhow::{bail, ensure};
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

/// Whoever works online goes first: a lock that is not there at once is come back to.
const LOCK_TIMEOUT: Duration = Duration::from_millis(250);
const REPORT_EVERY: Duration = Duration::from_secs(1);

#[derive(Subcommand)]
pub(super) enum Command {
    /// Count the values of each column by shape. Reads no value and needs no key.
    Status {
        /// One JSON object instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Bring every value into today's form and fill every index. May be stopped, or killed, and
    /// started again at any time.
    Backfill(BackfillArgs),
}

#[derive(Args)]
pub(super) struct BackfillArgs {
    /// Read and decrypt all of it, say what would happen, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Rows in a second, at most.
    #[arg(long, value_name = "ROWS_PER_SECOND", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,
    /// Rows in a transaction.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    batch: u32,
}

pub(super) async fn run(settings: ApiSettings, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Status { json } => status(&settings, json).await,
        Command::Backfill(args) => backfill(&settings, &args).await,
    }
}

fn core(settings: &ApiSettings) -> anyhow::Result<Core> {
    let mut database = settings.database.clone();
    database.pool_max = 2;
    database.lock_timeout = database.lock_timeout.min(LOCK_TIMEOUT);
    let metrics = Metrics::new(agent_api::serve::SERVICE);
    let clock = Clock::system();
    Ok(wiring::core(
        &database,
        &settings.redis,
        "agent-pii",
        metrics,
        clock,
    )?)
}

async fn status(settings: &ApiSettings, json: bool) -> anyhow::Result<()> {
    let core = core(settings)?;
    let mut all = Vec::new();
    for table in Table::ALL {
        let shapes = Backfill::shapes(&core.db, table).await?;
        all.extend(table.columns().iter().copied().zip(shapes));
    }
    core.db.close().await;
    if json {
        return super::say(&shapes_as_json(&all).to_string());
    }
    super::say(&format!(
        "{:<28} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "column", "gcm", "cbc", "plain", "other", "no index"
    ))?;
    for (column, shapes) in &all {
        let no_index = match column.has_index() {
            true => shapes.without_index.to_string(),
            false => "-".to_owned(),
        };
        super::say(&format!(
            "{:<28} {:>10} {:>10} {:>10} {:>10} {no_index:>10}",
            column.name(),
            shapes.gcm,
            shapes.cbc,
            shapes.plain,
            shapes.other,
        ))?;
    }
    super::say(match all.iter().any(|(_, shapes)| has_work(shapes)) {
        true => "there is work for `agent-api pii backfill`",
        false => "nothing is left to do",
    })
}

const fn has_work(shapes: &Shapes) -> bool {
    shapes.cbc + shapes.plain + shapes.other + shapes.without_index > 0
}

fn shapes_as_json(all: &[(Column, Shapes)]) -> serde_json::Value {
    let columns = all.iter().map(|(column, shapes)| {
        let counts = serde_json::json!({
            "gcm": shapes.gcm,
            "cbc": shapes.cbc,
            "plain": shapes.plain,
            "other": shapes.other,
            "without_index": column.has_index().then_some(shapes.without_index),
        });
        (column.name().to_owned(), counts)
    });
    columns.collect::<serde_json::Map<_, _>>().into()
}

async fn backfill(settings: &ApiSettings, args: &BackfillArgs) -> anyhow::Result<()> {
    let keys = keys(settings)?;
    let core = core(settings)?;
    let reports = CryptoReports(core.metrics.clone()).into();
    let production = settings.environment.is_prod_grade();
    let pii = wiring::pii(&settings.keys, production, reports);
    let work = Backfill {
        db: &core.db,
        pii: &pii,
        keys: &keys,
    };
    let options = Options {
        batch: usize::try_from(args.batch)?,
        rate: usize::try_from(args.rate)?,
        dry_run: args.dry_run,
    };
    let stop = CancellationToken::new();
    let signals = tokio::spawn(super::stop_on_signal(stop.clone()));
    let mut reporter = Reporter::new();
    let outcome = work
        .run(options, &stop, |so_far| reporter.tell(so_far))
        .await;
    signals.abort();
    core.db.close().await;
    tell(&outcome?, args.dry_run)
}

/// Keys without which values would be written that nobody else can read or find.
fn keys(settings: &ApiSettings) -> anyhow::Result<DerivedKeys> {
    let keys = &settings.keys;
    let has_root = keys.secret_key.is_some() || keys.blind_index_key.is_some();
    for (name, is_there) in [
        ("AES_KEY", keys.aes_key.is_some()),
        ("AES_IV", keys.aes_iv.is_some()),
        ("SECRET_KEY", has_root),
    ] {
        ensure!(is_there, "{name} is not set: the backfill needs it");
    }
    let root = keys.secret_key.clone();
    // Only where the index has a key of its own; nothing else is derived here.
    let root = root.unwrap_or_else(RootKey::generate);
    Ok(DerivedKeys::new(&root, keys.blind_index_key.as_ref()))
}

/// A line each second on stderr.
struct Reporter {
    started: Instant,
    last: Instant,
}

impl Reporter {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            last: now,
        }
    }

    fn tell(&mut self, Progress { done, total }: Progress) {
        if self.last.elapsed() < REPORT_EVERY {
            return;
        }
        self.last = Instant::now();
        let pace = done as f64 / self.started.elapsed().as_secs_f64();
        let left = total.saturating_sub(done) as f64 / pace;
        let line = format!("{done}/{total} rows, {pace:.0}/s, {left:.0} s left");
        // Nobody reads it any more: no reason to stop.
        writeln!(std::io::stderr(), "{line}").ok();
    }
}

/// Says what was done and what is left; fails when something is.
fn tell(outcome: &Outcome, dry_run: bool) -> anyhow::Result<()> {
    let written = if dry_run { "would write" } else { "written" };
    super::say(&format!(
        "{:<28} {:>12} {:>12} {:>12}",
        "table, column", "rows", written, "left"
    ))?;
    for table in &outcome.tables {
        super::say(&format!(
            "{:<28} {:>12} {:>12} {:>12}",
            table.table.name(),
            table.pending,
            table.written,
            table.left
        ))?;
        for (column, counts) in table.table.columns().iter().zip(&table.counts) {
            let (_, name) = column.name().split_once('.').unwrap_or_default();
            super::say(&format!(
                "  {name:<26} {} encrypted, {} indexed",
                counts.encrypted, counts.indexed
            ))?;
        }
    }
    tell_findings(outcome)?;
    let left = outcome.left();
    if outcome.is_stopped {
        bail!("stopped by a signal after a whole batch; run it again to go on");
    }
    if left > 0 {
        bail!("{left} values are left as told above; the runbook says what to do");
    }
    super::say(match dry_run {
        true => "nothing was written; a run would leave nothing to do",
        false => "done: nothing is left to do",
    })
}

fn tell_findings(outcome: &Outcome) -> anyhow::Result<()> {
    for table in &outcome.tables {
        for finding in &table.findings {
            super::say(&line(finding))?;
        }
        let unnamed = table.left - table.findings.len() as u64;
        if unnamed > 0 {
            super::say(&format!("and {unnamed} more in {}", table.table.name()))?;
        }
    }
    Ok(())
}

fn line(finding: &Finding) -> String {
    let why = match finding.reason {
        Reason::Unreadable => "the keys do not open it; left as it is".to_owned(),
        Reason::Unauthentic => "damaged, or of another key; left as it is".to_owned(),
        Reason::Ambiguous => {
            "a national number, and the agent's brands do not agree on a country; no index"
                .to_owned()
        }
        Reason::NotCanonical => "nothing that can be looked for; no index".to_owned(),
        Reason::Conflict { with } => format!("card {with} has the same number; no index"),
        Reason::Busy => "locked by somebody else each time; not touched".to_owned(),
    };
    let word = finding.reason.as_str();
    format!("{word:<13} {} of row {}: {why}", finding.place, finding.id)
}
