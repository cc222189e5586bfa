//! `bench`: measurements that decide something. Each boots what it measures, on servers of its
//! own, and ends with an exit code.

mod accounts;
mod agents;
mod boot;
mod brand;
mod compare;
mod csv;
mod dashboard;
mod effort;
mod figure;
mod http;
mod login;
pub(crate) mod read;
mod recovery_timing;
mod relay;
mod report;
mod withdraw;

use std::{path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use clap::{Args, ValueEnum};

use self::{
    effort::Effort,
    figure::{Figure, Verdict},
};
use crate::{
    out::say,
    rig::{Populated, cores::Cores},
    stage::until_interrupted,
};

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
    /// relay, relay-three: events that wait.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    relay_rows: u32,
    /// relay-latency, relay-idle: seconds of one side of a pair.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(4..=3_600))]
    relay_seconds: u32,
    /// relay-soak: how long.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    soak_minutes: u32,
}

impl RelayArgs {
    fn extent(&self, quick: bool, effort: Effort) -> relay::Extent {
        let (rows, seconds) = match quick {
            true => (20_000, 4),
            false => (u32::MAX, u32::MAX),
        };
        relay::Extent {
            rows: self.relay_rows.min(rows),
            seconds: self.relay_seconds.min(seconds),
            pairs: effort.pairs,
        }
    }

    fn soak_time(&self, quick: bool) -> Duration {
        match quick {
            true => Duration::from_secs(30),
            false => Duration::from_secs(60) * self.soak_minutes,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Command {
    /// `GET /agent/top_info` over 64 connections.
    Read,
    /// What finding the brand of the host adds to a request.
    Brand,
    /// Orders of 1 000 agents.
    Withdraw,
    /// 64 who sign in at once.
    Login,
    /// The portal's busiest reads, for agents with 10 000, 100 000 and 1 000 000 players.
    Dashboard,
    /// The export of 100 000 players.
    Csv,
    /// How soon the API is ready, and the memory of processes with nothing to do.
    Boot,
    /// Whether the time of an answer tells known accounts from unknown ones (P-183).
    RecoveryTiming,
    /// How fast the worker empties a full outbox, beside a loop without bookkeeping.
    Relay,
    /// How long an event takes from its commit to the stream, beside a loop that only moves it.
    RelayLatency,
    /// What a worker costs that has nothing to do.
    RelayIdle,
    /// Whether three workers publish everything once and in order, and what follows when one is killed.
    RelayThree,
    /// What the signal after a commit costs those who commit.
    Writers,
    /// Whether memory and tables stay flat at 5 000 events in a second.
    RelaySoak,
}

impl Command {
    /// Those with a target for speed.
    const FOR_SPEED: &[Self] = &[
        Self::Relay,
        Self::RelayLatency,
        Self::RelayIdle,
        Self::RelayThree,
        Self::Writers,
        Self::Read,
        Self::Brand,
        Self::Withdraw,
        Self::Login,
        Self::Dashboard,
        Self::Csv,
        Self::Boot,
    ];

    /// The figures are kept; a failure is for the caller to tell.
    async fn measure(
        self,
        args: &BenchArgs,
        ground: &mut Ground,
        figures: &mut Vec<Figure>,
    ) -> anyhow::Result<()> {
        let effort = Effort::new(args.quick);
        let extent = args.relay.extent(args.quick, effort);
        let measured = match self {
            Self::Read => read::run(effort).await?,
            Self::Brand => brand::run(effort).await?,
            Self::Withdraw => withdraw::run(effort).await?,
            Self::Login => login::run(effort).await?,
            Self::Boot => boot::run(effort).await?,
            Self::Dashboard => dashboard::run(ground.place().await?, effort).await?,
            Self::Csv => csv::run(ground.place().await?, effort).await?,
            Self::RecoveryTiming => return recovery_timing::run(&args.recovery_timing).await,
            Self::Relay => relay::drain(extent).await?,
            Self::RelayLatency => relay::latency(extent).await?,
            Self::RelayIdle => relay::idle(extent).await?,
            Self::RelayThree => relay::several(extent).await?,
            Self::Writers => relay::writers(extent, effort).await?,
            Self::RelaySoak => relay::soak(args.relay.soak_time(args.quick)).await?,
        };
        figures.extend(measured);
        Ok(())
    }
}

/// The large database, for those that need it.
struct Ground {
    players: u32,
    place: Option<Populated>,
}

impl Ground {
    async fn place(&mut self) -> anyhow::Result<&Populated> {
        if self.place.is_none() {
            self.place = Some(Populated::set(self.players).await?);
        }
        self.place.as_ref().context("the large database")
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
    say!("{}", Cores::of_this_machine().describe());
    let mut ground = Ground {
        players: args.players,
        place: None,
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
