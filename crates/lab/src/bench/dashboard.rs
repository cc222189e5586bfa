//! What an agent looks at most, for downlines of different sizes.

use std::time::Duration;

use chrono::{Days, NaiveDate};

use super::{
    effort::Effort,
    figure::{Figure, Target, median},
};
use crate::{
    out::say,
    rig::{
        Populated, Rig, Server, http,
        load::{self, Job, Outcome, Variation, Work},
        server_log::Statement,
    },
    seed::bulk::Team,
};

const NAME: &str = "dashboard";
const CLIENTS: usize = 4;
/// Of what the product can do at most: so much load that requests meet, not so much that they queue.
const PACE: f64 = 0.5;
/// Below so many requests a 99th percentile says nothing.
const FEWEST: f64 = 300.0;
const LONGEST: Duration = Duration::from_secs(20);
/// Runs for a 99th percentile, of which the median counts: a pause of the machine is not the product's.
const PACED_RUNS: u32 = 3;
/// A downline that counts as the largest one of the targets.
const A_MILLION: i64 = 900_000;

/// What a request has to do, which decides how long it may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Sums that are kept, and pages along an index.
    Ready,
    /// Distinct players, and sums over what a filter leaves.
    Counted,
}

impl Kind {
    fn longest_milliseconds(self) -> f64 {
        match self {
            Self::Ready => 30.0,
            Self::Counted => 300.0,
        }
    }
}

struct Query {
    name: &'static str,
    path: String,
    kind: Kind,
}

/// Over the last 30 days where nothing else is said.
fn queries(last: NaiveDate) -> Vec<Query> {
    let days = |count: u64| {
        let first = last - Days::new(count - 1);
        format!("date_from={first}&date_to={last}")
    };
    let query = |name, path: &str, range: String, kind| Query {
        name,
        path: format!("/agent/{path}{range}"),
        kind,
    };
    vec![
        query("home/summary", "home/summary?", days(30), Kind::Ready),
        query("home/trend, 92 days", "home/trend?", days(92), Kind::Ready),
        query(
            "home/trend, 92 days by week",
            "home/trend?group_by=week&",
            days(92),
            Kind::Counted,
        ),
        query("player/list", "player/list?", days(30), Kind::Ready),
        query(
            "player/list, filtered and sorted",
            "player/list?status=locked&sort=-deposit_amount&",
            days(30),
            Kind::Counted,
        ),
        query("sub/statistic", "sub/statistic?", days(30), Kind::Ready),
        query("provider/income", "provider/income?", days(30), Kind::Ready),
    ]
}

/// One request of one agent, with the statements that it becomes.
struct Cell<'a> {
    query: &'a Query,
    team: &'a Team,
    request: String,
    statements: Vec<Statement>,
}

pub(super) async fn run(place: &Populated, effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let rig = &place.rig;
    let api = rig.api(&[]).await?;
    let queries = queries(place.last_day);
    let mut requests = Vec::new();
    for team in &place.teams {
        let token = api.sign_in(&place.host, &team.username)?;
        for query in &queries {
            requests.push(http::get(&place.host, &query.path, Some(&token)));
        }
    }
    let recorded = rig.record(&api, &requests).await?;
    let asked = place
        .teams
        .iter()
        .flat_map(|team| queries.iter().map(move |query| (team, query)));
    let cells: Vec<Cell<'_>> = asked
        .zip(requests.into_iter().zip(recorded))
        .map(|((team, query), (request, statements))| Cell {
            query,
            team,
            request,
            statements,
        })
        .collect();
    let mut figures = Vec::new();
    for query in &queries {
        let same = cells.iter().filter(|cell| cell.query.name == query.name);
        figures.extend(measure_sizes(rig, &api, effort, query, &same.collect::<Vec<_>>()).await?);
    }
    Ok(figures)
}

/// One request for all sizes: the rates, then how long it takes for the largest and the smallest.
async fn measure_sizes(
    rig: &Rig,
    api: &Server,
    effort: Effort,
    query: &Query,
    cells: &[&Cell<'_>],
) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut tails = Vec::new();
    for cell in cells {
        let (rate, tail) = measure(rig, api, effort, cell).await?;
        say!("  {}", rate.row().join("  "));
        figures.push(rate);
        tails.push(tail);
    }
    let is_full = cells
        .last()
        .is_some_and(|cell| cell.team.players >= A_MILLION);
    let target = |target| if is_full { target } else { Target::None };
    let (Some(smallest), Some(largest)) = (tails.first(), tails.last()) else {
        return Ok(figures);
    };
    let what = format!("{}, p99 of the largest", query.name);
    let limit = target(Target::AtMost(query.kind.longest_milliseconds()));
    figures.push(Figure::plain(NAME, what, "ms", *largest, limit));
    if query.kind == Kind::Ready && tails.len() > 1 {
        let what = format!("{}, p99 of the largest against the smallest", query.name);
        let limit = target(Target::RatioAtMost(2.0));
        figures.push(Figure::against(
            NAME,
            what,
            "ms",
            (*smallest, *largest),
            limit,
        ));
    }
    Ok(figures)
}

/// Gives the rates of both sides, and the 99th percentile of the product.
async fn measure(
    rig: &Rig,
    api: &Server,
    effort: Effort,
    cell: &Cell<'_>,
) -> anyhow::Result<(Figure, f64)> {
    let requests = |rate| Work::Http {
        address: api.address(),
        requests: vec![cell.request.clone()],
        status: 200,
        rate,
    };
    let job = |run, work| Job {
        clients: CLIENTS,
        warm_up: effort.warm_up,
        run,
        work,
    };
    let statements = Work::Sql {
        database: rig.database.clone(),
        statements: cell.statements.clone(),
        variation: Variation::default(),
    };
    let (bare, served) = (
        job(effort.turn, statements),
        job(effort.turn, requests(None)),
    );
    let baseline = async || rate(load::run(rig.cores, &bare).await);
    let product = async || rate(load::run(rig.cores, &served).await);
    let pairs = effort.alternate(baseline, product).await?;
    let pace = (median(&pairs.product) * PACE).max(1.0);
    let run = effort.paced.max(enough(effort, pace));
    let paced = job(run, requests(Some(pace)));
    let mut tails = Vec::new();
    for _ in 0..PACED_RUNS.min(effort.pairs) {
        tails.push(load::run(rig.cores, &paced).await?.quantile(0.99));
    }
    let what = format!(
        "{}, {} players, requests/s",
        cell.query.name, cell.team.players
    );
    let figure = Figure::of_pairs(NAME, what, "/s", &pairs, Target::RatioAtLeast(0.7));
    Ok((figure, median(&tails)))
}

/// Long enough for the fewest requests, where that is not too long.
fn enough(effort: Effort, pace: f64) -> Duration {
    if effort.pairs == 1 {
        return Duration::ZERO;
    }
    Duration::from_secs_f64(FEWEST / pace).min(LONGEST)
}

fn rate(outcome: anyhow::Result<Outcome>) -> anyhow::Result<f64> {
    Ok(outcome?.rate)
}
