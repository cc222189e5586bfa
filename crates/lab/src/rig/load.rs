//! Load: one request again and again by some clients, in a process of its own that can be given a
//! core of its own.

mod hash;
mod http;
mod sql;
mod variation;

use std::{
    borrow::Cow,
    io::{Read as _, Write as _},
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;

pub(crate) use self::variation::Variation;
use super::{cores::Cores, http::Wait, server_log::Statement};

/// What is to be done, for how long.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) clients: usize,
    /// Not counted.
    pub(crate) warm_up: Duration,
    pub(crate) run: Duration,
    pub(crate) work: Work,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Whole requests, one after the other for each client; every answer has this status.
    Http {
        address: SocketAddr,
        /// Client n of c sends the n-th one, then the one c places on, and begins anew behind the
        /// last.
        requests: Vec<String>,
        status: u16,
        /// Requests that fall due in a second, whether or not earlier ones are done; as fast as
        /// they are answered where nothing is said.
        rate: Option<f64>,
    },
    /// The same statements in the same order on each connection.
    Sql {
        database: String,
        statements: Vec<Statement>,
        variation: Variation,
    },
    /// The same, but rows come as the text of `COPY ... TO STDOUT`.
    Copy {
        database: String,
        statements: Vec<Statement>,
    },
    /// A password held against its hash, with as many at work as there are cores.
    Hash,
}

/// What was done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) done: u64,
    /// Per second.
    pub(crate) rate: f64,
    /// Until the last client was done.
    pub(crate) seconds: f64,
    pub(crate) lines: u64,
    /// Milliseconds, sorted. At a given rate from the moment when a request fell due, so that one
    /// that had to wait for a slow one counts as slow.
    pub(crate) latencies: Vec<f64>,
}

impl Outcome {
    /// Per second, of all clients together: for requests that take a good part of a run, whose
    /// clients finish at very different times.
    pub(crate) fn rate_of_all(&self) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            reason = "far fewer than 2^52 measurements"
        )]
        let done = self.done as f64;
        done / self.seconds.max(1e-9)
    }

    /// Of the latencies; `of` is between 0 and 1.
    pub(crate) fn quantile(&self, of: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index of a list in memory"
        )]
        let rank = (self.latencies.len() as f64 * of).ceil() as usize;
        let last = self.latencies.len().saturating_sub(1);
        let at = rank.saturating_sub(1).min(last);
        self.latencies.get(at).copied().unwrap_or(f64::NAN)
    }
}

/// One client's part.
#[derive(Default)]
struct Share {
    seconds: f64,
    lines: u64,
    latencies: Vec<f64>,
}

/// Clients end at different times: each has a rate of its own.
#[expect(
    clippy::cast_precision_loss,
    reason = "far fewer than 2^52 measurements"
)]
fn together(shares: Vec<Share>) -> Outcome {
    let mut outcome = Outcome::default();
    for share in shares {
        outcome.done += share.latencies.len() as u64;
        outcome.rate += share.latencies.len() as f64 / share.seconds.max(1e-9);
        outcome.seconds = outcome.seconds.max(share.seconds);
        outcome.lines += share.lines;
        outcome.latencies.extend(share.latencies);
    }
    outcome.latencies.sort_by(f64::total_cmp);
    outcome
}

/// What the process reads: the job, and whether its core is its own.
#[derive(Serialize, Deserialize)]
struct Order<'a> {
    job: Cow<'a, Job>,
    has_core: bool,
}

/// The process itself: reads an order from standard input and prints the outcome.
pub(crate) fn process() -> anyhow::Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let Order { job, has_core } = serde_json::from_str(&text)?;
    let shares = match &job.work {
        // Clients that look take the core from those that fall due, which would count as slowness
        // of the product.
        Work::Http { rate: None, .. } if has_core => http::run(&job, Wait::Looking)?,
        Work::Http { .. } => http::run(&job, Wait::Asleep)?,
        Work::Sql { .. } | Work::Copy { .. } => runtime()?.block_on(sql::run(&job))?,
        Work::Hash => runtime()?.block_on(hash::run(&job))?,
    };
    let outcome = serde_json::to_vec(&together(shares))?;
    std::io::stdout().lock().write_all(&outcome)?;
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}

/// Runs a job in a process: requests on the core of the load, all else on that of the product, in
/// whose place it is.
pub(crate) async fn run(cores: Cores, job: &Job) -> anyhow::Result<Outcome> {
    let own = std::env::current_exe()?;
    let command = match job.work {
        Work::Http { .. } => cores.load(&own),
        Work::Sql { .. } | Work::Copy { .. } | Work::Hash => cores.product(&own),
    };
    let mut child = process_of(command)
        .spawn()
        .context("cannot start the load")?;
    let mut input = child.stdin.take().context("standard input")?;
    let order = Order {
        job: Cow::Borrowed(job),
        has_core: cores.are_two(),
    };
    input.write_all(&serde_json::to_vec(&order)?).await?;
    drop(input);
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "the load failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn process_of(command: std::process::Command) -> tokio::process::Command {
    let mut command = tokio::process::Command::from(command);
    command
        .arg(PROCESS)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Name of the hidden command that is [`process`].
pub(crate) const PROCESS: &str = "load-process";

/// Whether a file is there that a job needs, said before anything is started.
pub(crate) fn beside_this_program(name: &str) -> anyhow::Result<std::path::PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    ensure!(Path::new(&path).is_file(), "{} is missing", path.display());
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_ranks() {
        let outcome = Outcome {
            latencies: (1..=200).map(f64::from).collect(),
            ..Outcome::default()
        };
        assert!((outcome.quantile(0.5) - 100.0).abs() < 1e-9);
        assert!((outcome.quantile(0.99) - 198.0).abs() < 1e-9);
        assert!((outcome.quantile(1.0) - 200.0).abs() < 1e-9);
        assert!(Outcome::default().quantile(0.5).is_nan());
    }

    #[test]
    fn the_rates_of_clients_add_up() {
        let share = |seconds, count| Share {
            seconds,
            lines: 3,
            latencies: vec![1.0; count],
        };
        let outcome = together(vec![share(1.0, 10), share(2.0, 10)]);
        assert!((outcome.rate - 15.0).abs() < 1e-9);
        assert_eq!((outcome.done, outcome.lines), (20, 6));
    }
}
