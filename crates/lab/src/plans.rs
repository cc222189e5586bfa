//! `plans`: how Postgres answers every list and report of the portal, written down.
//!
//! What is asked comes from the OpenAPI document, and what is run comes from the log of Postgres:
//! neither is listed here, so neither can be forgotten.

mod document;
mod node;
mod requests;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use agent_devenv::workspace_root;
use anyhow::{Context as _, ensure};
use clap::Args;
use serde_json::Value;

use self::{
    document::Document,
    node::Measured,
    requests::{Endpoint, Known},
};
use crate::{
    out::say,
    rig::{
        API, Populated, Server,
        http::{self, Body, Connection},
        server_log::{self, PREFIX, ServerLog},
    },
    seed::bulk::Team,
    stage::until_interrupted,
};

pub(crate) const OPENAPI: &str = "openapi/agent_service.json";

const EXPLAIN: &[(&str, &str)] = &[
    ("log_line_prefix", PREFIX),
    ("session_preload_libraries", "auto_explain"),
    ("auto_explain.log_min_duration", "0"),
    ("auto_explain.log_analyze", "on"),
    ("auto_explain.log_buffers", "on"),
    ("auto_explain.log_format", "json"),
];
/// An answer can be there before the log.
const WRITTEN: Duration = Duration::from_millis(40);

#[derive(Args)]
pub(crate) struct PlansArgs {
    /// Players of the database.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=5_000_000))]
    players: u32,
    /// The document.
    #[arg(long, default_value = "docs/QUERY-PLANS.md")]
    out: PathBuf,
}

/// What an agent asked for, and what it took.
struct Asked {
    /// `GET` without values that differ from run to run.
    title: String,
    status: u16,
    /// In the order in which they ran.
    statements: Vec<Measured>,
}

/// All that was asked of one endpoint.
struct Report {
    path: String,
    /// By agent, in the order of the teams; `None` where the agent has nothing to ask for.
    by_team: Vec<Option<Asked>>,
    /// Other values of one parameter, for the largest team.
    variants: Vec<Asked>,
}

pub(crate) async fn run(args: &PlansArgs) -> anyhow::Result<()> {
    until_interrupted(write(args)).await
}

async fn write(args: &PlansArgs) -> anyhow::Result<()> {
    let document = std::fs::read_to_string(workspace_root().join(OPENAPI))?;
    let endpoints = requests::endpoints(&serde_json::from_str(&document)?)?;
    let place = Populated::set(args.players).await?;
    let rig = &place.rig;
    rig.configure(EXPLAIN).await?;
    let api = rig.api(&[]).await?;
    let mut askers = Vec::new();
    for team in &place.teams {
        askers.push(Asker::new(&place, &api, team).await?);
    }
    let mut reports = Vec::new();
    for endpoint in &endpoints {
        say!("  {}", endpoint.path);
        reports.push(report(endpoint, &mut askers).await?);
    }
    let facts = document::Facts::collect(rig).await?;
    drop(api);
    rig.reset().await?;
    let unused: Vec<&str> = reports
        .iter()
        .filter(|report| report.by_team.iter().all(Option::is_none))
        .map(|report| report.path.as_str())
        .collect();
    ensure!(unused.is_empty(), "no agent could ask for {unused:?}");
    ensure!(!common(&reports).is_empty(), "the log lacks plans");
    let path = workspace_root().join(&args.out);
    let text = Document::new(&facts, &place.teams, &reports).text();
    std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    say!("wrote {}", args.out.display());
    Ok(())
}

async fn report(endpoint: &Endpoint, askers: &mut [Asker]) -> anyhow::Result<Report> {
    let mut by_team = Vec::new();
    for asker in &mut *askers {
        let plain = endpoint.plain(&asker.known)?;
        by_team.push(match plain {
            Some(request) => Some(asker.ask(&request).await?),
            None => None,
        });
    }
    let mut variants = Vec::new();
    if let Some(asker) = askers.last_mut() {
        if let Some(request) = endpoint.first_row(&asker.known)? {
            let (_, first) = asker.answer(&request.path).await?;
            asker.known.learn_cursor(first["next_cursor"].as_str());
        }
        for request in endpoint.variants(&asker.known)? {
            variants.push(asker.ask(&request).await?);
        }
    }
    Ok(Report {
        path: endpoint.path.clone(),
        by_team,
        variants,
    })
}

/// An agent who is signed in.
struct Asker {
    api: SocketAddr,
    log: ServerLog,
    host: String,
    token: String,
    known: Known,
}

impl Asker {
    async fn new(place: &Populated, api: &Server, team: &Team) -> anyhow::Result<Self> {
        let mut asker = Self {
            api: api.address(),
            log: place.rig.server_log()?,
            host: place.host.clone(),
            token: api.sign_in(&place.host, &team.username)?,
            known: Known::of_days(place.last_day),
        };
        // What other requests are about.
        for (name, list, field) in [
            ("player_id", "player/list", "player_id"),
            ("sub_guid", "sub/list", "guid"),
            ("message", "messages/list", "id"),
            ("withdraw_no", "withdraw/list?{days}", "withdraw_no"),
            ("provider_id", "provider/list", "id"),
            ("category", "provider/list", "category"),
        ] {
            let path = format!(
                "/agent/{}",
                list.replace("{days}", &asker.known.half_a_year())
            );
            let answer = asker.answer(&path).await?;
            ensure!(answer.0 == 200, "{path}: status {}", answer.0);
            if let Some(value) = first_item(&answer.1, field) {
                asker.known.learn(name, &value);
            }
        }
        Ok(asker)
    }

    /// Over a connection of its own: the API closes one that is idle while others ask for long.
    async fn answer(&self, path: &str) -> anyhow::Result<(u16, Value)> {
        let request = http::get(&self.host, path, Some(&self.token));
        let mut connection = Connection::open(self.api)?;
        let answer = connection.ask(&request, Body::Keep)?;
        let body = connection.json().unwrap_or_default();
        Ok((answer.status, body))
    }

    /// Once to warm the caches up, and once to look at.
    async fn ask(&mut self, request: &requests::Request) -> anyhow::Result<Asked> {
        self.answer(&request.path).await?;
        tokio::time::sleep(WRITTEN).await;
        self.log.news()?;
        let (status, _) = self.answer(&request.path).await?;
        tokio::time::sleep(WRITTEN).await;
        let mut logged = server_log::plans(&self.log.news()?, API);
        // With which a new connection begins.
        logged.retain(|plan| !plan.sql.contains("pg_roles"));
        ensure!(status < 500, "{}: status {status}", request.title);
        Ok(Asked {
            title: request.title.clone(),
            status,
            statements: logged.into_iter().map(Measured::of).collect(),
        })
    }
}

fn first_item(body: &Value, field: &str) -> Option<String> {
    match &body["items"][0][field] {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Statements that every request runs, such as the one that reads the session. A few requests are
/// answered from memory.
fn common(reports: &[Report]) -> Vec<String> {
    let asked: Vec<&Asked> = reports
        .iter()
        .flat_map(|report| report.by_team.iter().flatten())
        .filter(|asked| !asked.statements.is_empty())
        .collect();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &asked {
        let mut seen: Vec<&str> = one.statements.iter().map(|s| s.sql.as_str()).collect();
        seen.sort_unstable();
        seen.dedup();
        for sql in seen {
            *times.entry(sql).or_default() += 1;
        }
    }
    times.retain(|_, times| *times == asked.len());
    times.into_keys().map(str::to_owned).collect()
}
