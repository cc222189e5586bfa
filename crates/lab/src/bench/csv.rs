//! The export of many rows.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use chrono::NaiveDate;

use super::{
    effort::Effort,
    figure::{Figure, Target},
};
use crate::{
    out::say,
    rig::{
        Populated, Rig, Server, http,
        load::{self, Job, Outcome, Work},
        server_log::Statement,
    },
};

const NAME: &str = "csv";
/// Rows of the export, at most.
const MOST: i64 = 100_000;
const FEW: i64 = 10_000;
/// Between two looks at the memory of the API.
const LOOK: Duration = Duration::from_millis(20);
/// Ten times the rows may take so much more memory.
const GROWTH: f64 = 8.0;

pub(super) async fn run(place: &Populated, effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let rig = &place.rig;
    let api = rig.api(&[("EXPORTS_PER_HOUR", "1000000")]).await?;
    let team = place.teams.last().context("no agent has players")?;
    let token = api.sign_in(&place.host, &team.username)?;
    let request = async |rows| -> anyhow::Result<String> {
        let (from, to) = days_of(rig, rows).await?;
        let path = format!(
            "/agent/player/list?format=csv&registered_from={from}&registered_to={to}&date_from={}&date_to={}",
            place.last_day, place.last_day
        );
        Ok(http::get(&place.host, &path, Some(&token)))
    };
    let (few, many) = (request(FEW).await?, request(MOST).await?);
    let mut statements = rig
        .record(&api, std::slice::from_ref(&many))
        .await?
        .remove(0);
    close(&mut statements);
    let memory = (
        most_memory(rig, &api, effort, &few).await?,
        most_memory(rig, &api, effort, &many).await?,
    );
    let bare = Work::Copy {
        database: rig.database.clone(),
        statements,
    };
    let mut lines = 0;
    let (bare, served) = (job(effort, bare), job(effort, exports(&api, &many)));
    let baseline = async || Ok(load::run(rig.cores, &bare).await?.rate);
    let product = async || {
        let outcome = load::run(rig.cores, &served).await?;
        lines = outcome.lines / outcome.done.max(1);
        Ok(outcome.rate)
    };
    let pairs = effort.alternate(baseline, product).await?;
    ensure!(lines > 1, "the export is empty");
    let what = format!("exports of {} rows, per second", lines - 1);
    let rate = Figure::of_pairs(NAME, what, "/s", &pairs, Target::RatioAtLeast(0.3));
    say!("  {}", rate.row().join("  "));
    let (few, many) = memory;
    let what = "most memory of the API, 100 000 rows less 10 000";
    let growth = Figure::plain(NAME, what, "MiB", many - few, Target::AtMost(GROWTH));
    let whole = Figure::plain(NAME, "most memory of the API", "MiB", many, Target::None);
    Ok(vec![rate, growth, whole])
}

fn exports(api: &Server, request: &str) -> Work {
    Work::Http {
        address: api.address(),
        requests: vec![request.to_owned()],
        status: 200,
        rate: None,
    }
}

/// An export takes seconds: each turn has at least one.
fn job(effort: Effort, work: Work) -> Job {
    Job {
        clients: 1,
        warm_up: Duration::from_millis(1),
        run: effort.turn,
        work,
    }
}

/// The API ends the transaction with the connection; the loop goes on with its own.
fn close(statements: &mut Vec<Statement>) {
    let ends =
        |last: &Statement| last.sql.starts_with("ROLLBACK") || last.sql.starts_with("COMMIT");
    if !statements.last().is_some_and(ends) {
        statements.push(Statement {
            sql: "ROLLBACK".to_owned(),
            parameters: None,
        });
    }
}

/// The most days up to the last one on which no more players than that came.
async fn days_of(rig: &Rig, most: i64) -> anyhow::Result<(NaiveDate, NaiveDate)> {
    let mut owner = rig.owner().await?;
    let days: Vec<(NaiveDate, i64)> = sqlx::query_as(
        "SELECT (p.registered_at AT TIME ZONE b.timezone)::date, count(*) \
         FROM player p JOIN brand b USING (brand_id) WHERE b.code = 'brand-a' GROUP BY 1 ORDER BY 1 DESC",
    )
    .fetch_all(&mut owner)
    .await?;
    let mut rows = 0;
    let within = days.iter().take_while(|(_, players)| {
        rows += players;
        rows <= most
    });
    let first = within.last().context("too many players came on one day")?;
    let last = days.first().context("no players")?;
    Ok((first.0, last.0))
}

/// Of the API in MiB, while it exports.
async fn most_memory(
    rig: &Rig,
    api: &Server,
    effort: Effort,
    request: &str,
) -> anyhow::Result<f64> {
    let job = job(effort, exports(api, request));
    let export = load::run(rig.cores, &job);
    tokio::pin!(export);
    let mut most = 0.0_f64;
    loop {
        most = most.max(api.resident_mebibytes()?);
        tokio::select! {
            done = &mut export => {
                let Outcome { done, .. } = done?;
                ensure!(done > 0, "nothing was exported");
                break;
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    Ok(most)
}
