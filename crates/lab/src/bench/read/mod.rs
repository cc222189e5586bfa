//! The read that every page begins with, beside a server that does no more than it has to.

mod baseline;

use super::{
    accounts::HOST,
    agents,
    effort::Effort,
    figure::{Figure, Target, median},
};
use crate::{
    out::say,
    rig::{
        Rig, Server, http,
        load::{self, Job, Work},
    },
};
pub(crate) use baseline::{PROCESS as BASELINE, process as baseline_process};

const NAME: &str = "read";
const CONNECTIONS: usize = 64;
const PATH: &str = "/agent/top_info";
/// Of what both sides can do at most.
const PACE: f64 = 0.5;

pub(super) async fn run(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let rig = Rig::empty(&[]).await?;
    // One for each connection: requests of one agent take turns.
    let agents = agents::write(&rig, CONNECTIONS).await?;
    let api = rig.api(&[]).await?;
    let bare = rig.serve("agent-lab", &[BASELINE], &[]).await?;
    let requests: Vec<String> = agents::sign_in(&api, &agents)?
        .iter()
        .map(|token| http::get(HOST, PATH, Some(token)))
        .collect();
    let job = |server: &Server, rate| Job {
        clients: CONNECTIONS,
        warm_up: effort.warm_up,
        run: effort.turn * 2,
        work: Work::Http {
            address: server.address(),
            requests: requests.clone(),
            status: 200,
            rate,
        },
    };
    let baseline = async || Ok(load::run(rig.cores, &job(&bare, None)).await?.rate);
    let product = async || Ok(load::run(rig.cores, &job(&api, None)).await?.rate);
    let rates = effort.alternate(baseline, product).await?;
    let what = format!("GET {PATH}, {CONNECTIONS} connections");
    let rate = Figure::of_pairs(NAME, what, "/s", &rates, Target::RatioAtLeast(0.9));
    say!("  {}", rate.row().join("  "));
    let pace = median(&rates.product).min(median(&rates.baseline)) * PACE;
    let tail = async |server| -> anyhow::Result<f64> {
        let outcome = load::run(rig.cores, &job(server, Some(pace))).await?;
        Ok(outcome.quantile(0.99))
    };
    let baseline = async || tail(&bare).await;
    let product = async || tail(&api).await;
    let tails = effort.alternate(baseline, product).await?;
    let what = format!("the same, p99 at {pace:.0} requests/s");
    let tail = Figure::of_pairs(NAME, what, "ms", &tails, Target::RatioAtMost(1.2));
    say!("  {}", tail.row().join("  "));
    Ok(vec![rate, tail])
}
