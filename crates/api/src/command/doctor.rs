//! `agent-api doctor`: what an operator would check by hand.

use agent_config::ApiSettings;
use agent_persistence::{migrate, outbox, portal::account};
use agent_services::{Clock, Core, wiring};
use agent_telemetry::Metrics;
use anyhow::bail;

/// Outcome of one check: what to say, and whether it is well.
type Finding = (&'static str, Result<String, String>);

pub(super) async fn run(settings: ApiSettings) -> anyhow::Result<()> {
    let metrics = Metrics::new(agent_api::serve::SERVICE);
    let core = wiring::core(
        &settings.database,
        &settings.redis,
        "agent-doctor",
        metrics,
        Clock::system(),
    )?;
    let findings = [
        ("database", database(&core).await),
        ("schema", schema(&core).await),
        ("rights", rights(&core).await),
        ("redis", redis(&core).await),
        ("books", books(&core).await),
        ("outbox", backlog(&core).await),
        ("worker", worker(&core, &settings).await),
    ];
    report(&findings)
}

fn report(findings: &[Finding]) -> anyhow::Result<()> {
    for (what, finding) in findings {
        let (mark, text) = match finding {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        super::say(&format!("{mark} {what:<9} {text}"))?;
    }
    let failed = findings
        .iter()
        .filter(|(_, finding)| finding.is_err())
        .count();
    if failed > 0 {
        bail!("{failed} of {} checks failed", findings.len());
    }
    Ok(())
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn database(core: &Core) -> Result<String, String> {
    core.db
        .ping()
        .await
        .map(|()| "answers".to_owned())
        .map_err(text)
}

async fn schema(core: &Core) -> Result<String, String> {
    match migrate::is_current(&core.db).await.map_err(text)? {
        true => Ok("is current".to_owned()),
        false => Err("is behind: run `agent-api migrate`".to_owned()),
    }
}

async fn rights(core: &Core) -> Result<String, String> {
    let report = core.db.role_report().await.map_err(text)?;
    if report.excess.is_empty() {
        Ok(format!("{} holds what it needs", report.role))
    } else {
        Err(format!(
            "{} holds too much: {}",
            report.role,
            report.excess.join(", ")
        ))
    }
}

async fn redis(core: &Core) -> Result<String, String> {
    core.kv
        .ping()
        .await
        .map(|()| "answers".to_owned())
        .map_err(text)
}

async fn books(core: &Core) -> Result<String, String> {
    match account::ledger_mismatches(core.db.pool())
        .await
        .map_err(text)?
    {
        0 => Ok("every account is the sum of its ledger".to_owned()),
        count => Err(format!("{count} accounts differ from their ledger")),
    }
}

async fn backlog(core: &Core) -> Result<String, String> {
    let backlog = outbox::backlog(core.db.pool()).await.map_err(text)?;
    let said = format!(
        "{} waiting, oldest {:.0} s, {} parked",
        backlog.pending, backlog.oldest_seconds, backlog.parked
    );
    if backlog.parked == 0 {
        Ok(said)
    } else {
        Err(said)
    }
}

async fn worker(core: &Core, settings: &ApiSettings) -> Result<String, String> {
    let stale = chrono::Duration::from_std(settings.heartbeat.stale).map_err(text)?;
    let oldest = core.clock.now() - stale;
    let beats = core.kv.latest().await.map_err(text)?;
    match beats.iter().filter(|beat| beat.at >= oldest).count() {
        0 => Err("no worker shows a sign of life".to_owned()),
        count => Ok(format!("{count} alive")),
    }
}
