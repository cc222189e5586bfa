//! `agent-api audit`: the audit trail of an account (P-191, P-217).

use agent_config::ApiSettings;
use agent_persistence::audit_trail::{self, TrailRow};
use agent_services::{Clock, wiring};
use agent_telemetry::Metrics;
use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub(super) struct AuditArgs {
    /// Username, or guid where no agent has such a name.
    agent: String,
    /// How many rows, the newest first.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(settings: ApiSettings, args: AuditArgs) -> anyhow::Result<()> {
    let core = wiring::core(
        &settings.database,
        &settings.redis,
        "agent-audit",
        Metrics::new(agent_api::serve::SERVICE),
        Clock::system(),
    )?;
    let pool = core.db.pool();
    let agent = audit_trail::subject(pool, &args.agent)
        .await?
        .context("there is no agent of that name or guid")?;
    let rows = audit_trail::of_agent(pool, agent.guid, i64::from(args.limit)).await?;
    core.db.close().await;
    if args.json {
        return rows
            .iter()
            .try_for_each(|row| super::say(&as_json(row).to_string()));
    }
    super::say(&format!(
        "agent {} {}, {}, {} rows",
        agent.guid,
        agent.username,
        agent.status,
        rows.len()
    ))?;
    table(&rows)
}

fn table(rows: &[TrailRow]) -> anyhow::Result<()> {
    super::say(&format!(
        "{:<20} {:<15} {:<24} {:<18} {:>5} {:<20} {:<8} {:<8} details",
        "time", "kind", "action", "outcome", "brand", "operator", "contact", "source"
    ))?;
    for row in rows {
        let or_none = |text: &Option<String>| text.as_deref().unwrap_or("-").to_owned();
        super::say(&format!(
            "{:<20} {:<15} {:<24} {:<18} {:>5} {:<20} {:<8} {:<8} {}",
            row.at.format("%Y-%m-%dT%H:%M:%SZ"),
            row.kind,
            row.action,
            or_none(&row.outcome),
            row.brand_id,
            or_none(&row.operator),
            or_none(&row.contact_hash),
            or_none(&row.ip_hash),
            details(row),
        ))?;
    }
    Ok(())
}

/// What the row is about beside the agent, and what changed.
fn details(row: &TrailRow) -> String {
    let mut parts = Vec::new();
    if row.kind != "agent" {
        parts.extend(row.resource_id.clone());
    }
    for (name, value) in [("old", &row.old_value), ("new", &row.new_value)] {
        let Some(value) = value else { continue };
        if row.kind == "recovery" {
            parts.push(value.to_string());
        } else {
            parts.push(format!("{name} {value}"));
        }
    }
    parts.join(" ")
}

fn as_json(row: &TrailRow) -> Value {
    json!({
        "at": row.at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
        "kind": row.kind,
        "resource_id": row.resource_id,
        "action": row.action,
        "outcome": row.outcome,
        "brand_id": row.brand_id,
        "operator": row.operator,
        "contact_hash": row.contact_hash,
        "ip_hash": row.ip_hash,
        "old_value": row.old_value,
        "new_value": row.new_value,
    })
}
