//! `bench`: measurements that decide something. Each boots what it measures, on servers of its
//! own, and ends with an exit code.

mod compare;
mod http;
mod recovery_timing;
mod stage;

use anyhow::bail;
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Whether the time of an answer tells known accounts from unknown ones (P-183). Fails if so.
    RecoveryTiming(RecoveryTimingArgs),
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

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let measured = async {
        match command {
            Command::RecoveryTiming(args) => recovery_timing::run(args).await,
        }
    };
    tokio::select! {
        result = measured => result,
        // The servers are stopped on the way out.
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
    }
}
