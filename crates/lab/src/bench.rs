//! `bench`: measurements that decide something. Each boots what it measures, on servers of its
//! own, and ends with an exit code.

mod compare;
mod http;
mod recovery_timing;
mod relay;
mod stage;

use anyhow::bail;
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Whether the time of an answer tells known accounts from unknown ones (P-183). Fails if so.
    RecoveryTiming(RecoveryTimingArgs),
    /// How fast the worker empties a full outbox, beside a loop without bookkeeping.
    Relay(RelayArgs),
    /// How long an event takes from its commit to the stream, beside a loop that only moves it.
    RelayLatency(RelayLatencyArgs),
    /// What a worker costs that has nothing to do.
    RelayIdle(RelayIdleArgs),
}

#[derive(Args)]
pub(crate) struct RelayArgs {
    /// Events that wait.
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    rows: u32,
    /// Times that baseline and worker are measured in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pairs: u32,
}

#[derive(Args)]
pub(crate) struct RecoveryTimingArgs {
    /// Known and unknown accounts that are compared in each step.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(100..=10_000))]
    pairs: u32,
    /// `RECOVERY_ANSWER_MILLISECONDS` of the API. 0 shows the work itself.
    #[arg(long)]
    answer_milliseconds: Option<u32>,
}

#[derive(Args)]
pub(crate) struct RelayLatencyArgs {
    /// Of each side of a pair.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Times that baseline and worker are measured in turn.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pairs: u32,
}

#[derive(Args)]
pub(crate) struct RelayIdleArgs {
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(5..=3_600))]
    seconds: u32,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let measured = async {
        match command {
            Command::RecoveryTiming(args) => recovery_timing::run(args).await,
            Command::Relay(args) => relay::drain(args.rows, args.pairs).await,
            Command::RelayLatency(args) => relay::latency(args.seconds, args.pairs).await,
            Command::RelayIdle(args) => relay::idle(args.seconds).await,
        }
    };
    tokio::select! {
        result = measured => result,
        // The servers are stopped on the way out.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}
