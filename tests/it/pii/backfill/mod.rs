//! The backfill of personal data.

mod command;
mod forms;
mod kill;
mod left;
mod race;
mod rows;

use agent_services::pii_backfill::{Backfill, Options, Outcome, Progress};
use agent_testkit::TestApp;
use tokio_util::sync::CancellationToken;

/// Fast, in batches that are small enough for many of them.
const OPTIONS: Options = Options {
    batch: 20,
    rate: 1_000_000,
    dry_run: false,
};

const DRY_RUN: Options = Options {
    dry_run: true,
    ..OPTIONS
};

fn backfill(app: &TestApp) -> Backfill<'_> {
    Backfill {
        db: &app.app.core.db,
        pii: &app.app.pii,
        keys: &app.app.keys,
    }
}

async fn run(app: &TestApp, options: Options) -> Outcome {
    let nobody_stops = CancellationToken::new();
    let ignored = |_: Progress| {};
    let done = backfill(app).run(options, &nobody_stops, ignored).await;
    done.unwrap()
}

fn written(outcome: &Outcome) -> u64 {
    outcome.tables.iter().map(|table| table.written).sum()
}
