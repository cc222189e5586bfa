//! `agent-api outbox`: what waits to be published, and publishing again.

mod replay;
mod status;

use agent_config::ApiSettings;
use agent_persistence::outbox;
use agent_services::{Clock, Core, outbox_operate, wiring};
use agent_telemetry::Metrics;
use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

/// Shown of `parked` unless asked for more.
const SHOWN: u32 = 50;

#[derive(Subcommand)]
pub(super) enum Command {
    /// How much waits, who publishes, and how full the stream is.
    Status {
        /// One JSON object instead of lines.
        #[arg(long)]
        json: bool,
    },
    /// The events that were set aside, the oldest first.
    Parked {
        #[arg(long, default_value_t = SHOWN, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        limit: u32,
        /// One JSON object a line instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Try parked events again.
    Retry {
        /// Ids as `parked` shows them, or `all`.
        #[arg(required = true, value_name = "ID|all")]
        which: Vec<String>,
        /// Name of the operator in the audit log.
        #[arg(long, value_name = "NAME", env = "USER", hide_env_values = true)]
        by: String,
    },
    /// Publish kept events again, with the same event ids.
    Replay(replay::ReplayArgs),
}

/// What `--by` gives, as it stands in the audit log.
fn operator(by: &str) -> anyhow::Result<String> {
    let name = by.trim();
    if name.is_empty() || name.len() > 100 || name.chars().any(char::is_control) {
        bail!("--by: a name of 1 to 100 characters");
    }
    Ok(format!("operator:{name}"))
}

pub(super) async fn run(settings: ApiSettings, command: Command) -> anyhow::Result<()> {
    let core = core(&settings)?;
    let outcome = match command {
        Command::Status { json } => status::run(&core, json).await,
        Command::Parked { limit, json } => parked(&core, limit, json).await,
        Command::Retry { which, by } => retry(&core, &which, &by).await,
        Command::Replay(args) => replay::run(&core, &args).await,
    };
    core.db.close().await;
    outcome
}

fn core(settings: &ApiSettings) -> anyhow::Result<Core> {
    let mut database = settings.database.clone();
    database.pool_max = 2;
    // Bounded by the number of rows, and nobody waits for it.
    database.statement_timeout = database.report_timeout;
    let metrics = Metrics::new(agent_api::serve::SERVICE);
    Ok(wiring::core(
        &database,
        &settings.redis,
        "agent-outbox",
        metrics,
        Clock::system(),
    )?)
}

async fn parked(core: &Core, limit: u32, as_json: bool) -> anyhow::Result<()> {
    let rows = outbox::parked(core.db.pool(), i64::from(limit)).await?;
    if !as_json {
        super::say(&format!(
            "{:>10} {:<20} {:>5} {:<24} {:<36} {:<34} aggregate",
            "id", "parked", "tries", "reason", "event_id", "event_type"
        ))?;
    }
    for row in rows {
        let reason = row.reason.as_deref().unwrap_or("-");
        let aggregate = format!("{}:{}", row.aggregate_type, row.aggregate_id);
        let parked_at = row.parked_at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
        super::say(&match as_json {
            true => json!({
                "id": row.id, "shard": row.shard, "parked_at": parked_at, "attempts": row.attempts,
                "reason": reason, "event_id": row.event_id, "event_type": row.event_type,
                "aggregate": aggregate, "brand_id": row.brand_id,
            })
            .to_string(),
            false => format!(
                "{:>10} {parked_at:<20} {:>5} {reason:<24} {:<36} {:<34} {aggregate}",
                row.id, row.attempts, row.event_id, row.event_type
            ),
        })?;
    }
    Ok(())
}

async fn retry(core: &Core, which: &[String], by: &str) -> anyhow::Result<()> {
    let ids = match which {
        [all] if all == "all" => None,
        ids => {
            let ids = ids.iter().map(|id| id.parse::<i64>());
            let ids: Result<Vec<_>, _> = ids.collect();
            Some(ids.context("ids are numbers; or `all` alone")?)
        }
    };
    let retried = outbox_operate::retry_parked(core, &operator(by)?, ids.as_deref()).await?;
    if retried == 0 {
        bail!("none of them is parked");
    }
    super::say(&format!("{retried} events are tried again"))
}
