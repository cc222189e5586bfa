//! `fuzz-api`: what the OpenAPI document says, tried out on a running API with made-up requests.
//!
//! Schemathesis makes the requests and judges the answers; `tests/fuzz` tells it how to sign in.
//! This is the part around it: servers, demo data, the program itself, and an exit code.

use std::path::PathBuf;

use agent_devenv::{private_directory, workspace_root};
use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::{
    out::say,
    seed,
    stage::{self, Stage},
};

/// One of the demo data's brands.
const HOST: &str = "Host: brand-a.localhost";
const MANY: &str = "1000000";
/// Limits on guessing and on messages, which a run meets within seconds. Raised, not passed by.
const RAISED: [&str; 12] = [
    "LOGIN_FAILURES_PER_USERNAME",
    "LOGIN_FAILURES_PER_SOURCE",
    "PAYOUT_PASSWORD_FAILURES",
    "SUB_ADDS_PER_HOUR",
    "SUB_RESETS_PER_HOUR",
    "CHANGES_PER_HOUR",
    "EXPORTS_PER_HOUR",
    "CODE_SENDS_PER_CONTACT",
    "CODE_SENDS_PER_CONTACT_PER_DAY",
    "CODE_SENDS_PER_SOURCE",
    "RECOVERY_REFUSALS_PER_SOURCE",
    "CODE_SENDS_PER_BRAND_PER_MINUTE",
];
/// What makes a run slow, or ends what it can reach.
const SET: [(&str, &str); 5] = [
    ("RECOVERY_ANSWER_MILLISECONDS", "0"),
    ("ARGON2_MEMORY_KIB", "8192"),
    ("ARGON2_TIME", "1"),
    ("WITHDRAW_MAX_OPEN", "1000"),
    ("CARDS_PER_AGENT", "1000"),
];

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The program `st` of Schemathesis.
    #[arg(long)]
    schemathesis: PathBuf,
    /// Made-up requests for each operation, beside those at the limits of its schema.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    examples: u32,
    /// Only operations whose `METHOD /path` the regular expression matches.
    #[arg(long)]
    operation: Option<String>,
    /// Begins the same run again.
    #[arg(long)]
    seed: Option<u64>,
}

/// # Errors
/// Schemathesis found something, or could not do its work.
pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    stage::until_interrupted(fuzz(args)).await
}

async fn fuzz(args: &Args) -> anyhow::Result<()> {
    say!("booting an API over servers of its own, with demo data");
    let mut stage = Stage::set(&limits()).await?;
    seed::run(&stage.lab()?, &seed::Args::demo()).await?;
    stage.start_api().await?;
    // Whatever the program writes down goes with the stage.
    let folder = stage.folder().join("fuzz");
    private_directory(&folder, 0o700)?;
    let status = program(args, &stage)
        .current_dir(&folder)
        .kill_on_drop(true)
        .status()
        .await
        .with_context(|| format!("cannot start {}", args.schemathesis.display()))?;
    drop(stage);
    if !status.success() {
        bail!("Schemathesis ended with {status}; its findings are above");
    }
    Ok(())
}

fn limits() -> Vec<(&'static str, String)> {
    let raised = RAISED.iter().map(|name| (*name, MANY));
    let limits = raised.chain(SET);
    limits
        .map(|(name, value)| (name, value.to_owned()))
        .collect()
}

fn program(args: &Args, stage: &Stage) -> Command {
    let root = workspace_root();
    let rules = root.join("tests").join("fuzz");
    let api = format!("http://{}", stage.address);
    let mut program = Command::new(&args.schemathesis);
    program
        .env("FUZZ_API", &api)
        .env("SCHEMATHESIS_HOOKS", rules.join("hooks.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("--config-file")
        .arg(rules.join("schemathesis.toml"))
        .arg("run")
        .arg(root.join("openapi").join("agent_service.json"))
        .args(["--url", &api, "--header", HOST])
        .args(["--checks", "all", "--generation-database", "none"])
        .args(["--max-examples", &args.examples.to_string()]);
    if let Some(seed) = args.seed {
        program.args(["--seed", &seed.to_string()]);
    }
    if let Some(operation) = &args.operation {
        program.args(["--include-name-regex", operation]);
    }
    program
}
