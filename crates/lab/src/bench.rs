//! `bench`: measurements that decide something. Each boots what it measures, on servers of its
//! own, and ends with an exit code.

mod accounts;
mod compare;
mod csv;
mod dashboard;
mod effort;
mod figure;
mod http;
mod recovery_timing;
mod relay;
mod report;

use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use self::{
    effort::Effort,
    figure::{Figure, Verdict},
};
use crate::{out::say, rig::Rig, stage::until_interrupted};

#[derive(Args)]
pub(crate) struct BenchArgs {
    /// What to measure; all that has a target in docs/PERFORMANCE.md where nothing is named.
    names: Vec<Command>,
    /// A smoke run: one short turn, whose figures say little.
    #[arg(long)]
    quick: bool,
    /// Also write the figures to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Put the table into docs/PERFORMANCE.md, in place of the last one.
    #[arg(long)]
    record: bool,
    /// Players of the database that is measured on; the targets are for a million.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    players: u32,
    #[command(flatten)]
    recovery_timing: RecoveryTimingArgs,
    #[command(flatten)]
    relay: RelayArgs,
}

#[derive(Args)]
pub(crate) struct RecoveryTimingArgs {
    /// recovery-timing: known and unknown accounts that are compared in each step.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pairs: u32,
    /// recovery-timing: `RECOVERY_ANSWER_MILLISECONDS` of the API. 0 shows the work itself.
    #[arg(long)]
    answer_milliseconds: Option<u32>,
}

#[derive(Args)]
struct RelayArgs {
    /// Events that wait when `relay` begins.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    relay_rows: u32,
    /// Seconds of each side of a pair of `relay-latency`, and of `relay-idle`.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(5..=3_600))]
    relay_seconds: u32,
    /// Times that baseline and worker are measured in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    relay_pairs: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Command {
    /// The portal's busiest reads, for agents with 10 000, 100 000 and 1 000 000 players.
    Dashboard,
    /// The export of 100 000 players.
    Csv,
    /// Whether the time of an answer tells known accounts from unknown ones (P-183).
    RecoveryTiming,
    /// How fast the worker empties a full outbox, beside a loop without bookkeeping.
    Relay,
    /// How long an event takes from its commit to the stream, beside a loop that only moves it.
    RelayLatency,
    /// What a worker costs that has nothing to do.
    RelayIdle,
}

impl Command {
    /// Those with a target for speed.
    const FOR_SPEED: &[Self] = &[Self::Dashboard, Self::Csv];

    /// The figures are kept; a failure is for the caller to tell.
    async fn measure(
        self,
        args: &BenchArgs,
        ground: &mut Ground,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        let effort = Effort::new(args.quick);
        let measured = match self {
            Self::Dashboard => dashboard::run(ground.rig().await?, effort).await?,
            Self::Csv => csv::run(ground.rig().await?, effort).await?,
            Self::RecoveryTiming => return recovery_timing::run(&args.recovery_timing).await,
            Self::Relay => {
                return relay::drain(args.relay.relay_rows, args.relay.relay_pairs).await;
            }
            Self::RelayLatency => {
                return relay::latency(args.relay.relay_seconds, args.relay.relay_pairs).await;
            }
            Self::RelayIdle => return relay::idle(args.relay.relay_seconds).await,
        };
        figures.extend(measured);
        Ok(())
    }
}

/// The large database, for those that need it.
struct Ground {
    players: u32,
    rig: Option<Rig>,
}

impl Ground {
    async fn rig(&mut self) -> anyhow::Result<&Rig> {
        if self.rig.is_none() {
            let rig = Rig::set(self.players).await?;
            say!("{}", rig.cores.describe());
            self.rig = Some(rig);
        }
        self.rig.as_ref().context("the rig")
    }
}

pub(crate) async fn run(args: &BenchArgs) -> anyhow::Result<()> {
    until_interrupted(measure(args)).await
}

async fn measure(args: &BenchArgs) -> anyhow::Result<()> {
    let names = match &args.names[..] {
        [] => Command::FOR_SPEED,
        names => names,
    };
    let mut ground = Ground {
        players: args.players,
        rig: None,
    };
    let mut figures = Vec::new();
    let mut failures = 0;
    for name in names {
        let value = name.to_possible_value().context("a name")?;
        say!("{}", value.get_name());
        // What the others measured is still worth its minutes.
        if let Err(error) = name.measure(args, &mut ground, &mut figures).await {
            say!("{} failed: {error:#}", value.get_name());
            failures += 1;
        }
    }
    drop(ground);
    if !figures.is_empty() {
        tell(args, &figures)?;
    }
    ensure!(failures == 0, "{failures} bench(es) failed");
    let missed = |figure: &&Figure| figure.verdict == Verdict::Missed;
    let missed = figures.iter().filter(missed).count();
    ensure!(missed == 0, "{missed} target(s) missed");
    Ok(())
}

fn tell(args: &BenchArgs, figures: &[Figure]) -> anyhow::Result<()> {
    report::print(figures);
    if let Some(path) = &args.json {
        report::write(path, args, figures)?;
    }
    if args.record {
        report::record(args, figures)?;
    }
    Ok(())
}
