//! `agent-chaos`: real processes under real load, while everything around them breaks; and a
//! verdict on what must hold all the same. Never shipped. `docs/CHAOS.md` tells how to read it.
#![expect(
    clippy::print_stderr,
    reason = "a command line program talks to its user"
)]

mod acts;
mod history;
mod hostile;
mod journal;
mod load;
mod out;
mod plan;
mod run;
mod stage;
mod verdict;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::run::Order;

/// Break things under load, and check what must hold all the same.
#[derive(Parser)]
#[command(name = "agent-chaos", version)]
struct Cli {
    /// What is broken when follows from it; another one each time if it is not given.
    #[arg(long)]
    seed: Option<u64>,
    /// How long things are broken.
    #[arg(long, conflicts_with = "seconds", value_parser = clap::value_parser!(u64).range(1..=600))]
    minutes: Option<u64>,
    /// As minutes, for a short run.
    #[arg(long, value_parser = clap::value_parser!(u64).range(5..=36_000))]
    seconds: Option<u64>,
    /// Workers that share the relay's work.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3))]
    workers: u64,
}

impl Cli {
    fn order(&self) -> Order {
        let seconds = self.seconds.or(self.minutes.map(|minutes| minutes * 60));
        Order {
            seed: self.seed.unwrap_or_else(|| u64::from(std::process::id())),
            lasts: Duration::from_secs(seconds.unwrap_or(300)),
            workers: usize::try_from(self.workers).unwrap_or(1),
        }
    }
}

fn main() -> ExitCode {
    let order = Cli::parse().order();
    match start(&order) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("agent-chaos: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn start(order: &Order) -> anyhow::Result<bool> {
    more_descriptors()?;
    agent_crypto::install_provider();
    // Fails only where one is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        tokio::select! {
            held = run::run(order) => held,
            // Whatever was started is stopped on the way out.
            _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("interrupted"),
            _ = hangup.recv() => anyhow::bail!("interrupted"),
        }
    })
}

/// A thousand sockets here, and as many in the API, which inherits the limit.
fn more_descriptors() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(())
}
