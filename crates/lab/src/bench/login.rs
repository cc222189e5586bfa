//! Many who sign in at once, and whether others are still answered meanwhile.

use std::time::Duration;

use super::{
    accounts::HOST,
    agents,
    effort::Effort,
    figure::{Figure, Target},
};
use crate::{
    out::say,
    rig::{
        Rig, http,
        load::{self, Job, Work},
        servers::login,
    },
};

const NAME: &str = "login";
const AT_ONCE: usize = 64;
/// Of `/health/live`, in a second, whether or not earlier ones are answered.
const PROBES: f64 = 50.0;
/// Enough that none falls due while all the others wait.
const PROBING: usize = 16;
/// All wait for their turn: a round takes this many times a single hash.
const TURNS: u32 = 6;

pub(super) async fn run(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let rig = Rig::empty(&[
        ("LOGIN_FAILURES_PER_SOURCE", "1000000"),
        ("LOGIN_FAILURES_PER_USERNAME", "1000000"),
    ])
    .await?;
    let agents = agents::write(&rig, AT_ONCE).await?;
    let api = rig.api(&[]).await?;
    let names = agents.iter().map(|one| login(HOST, &one.username));
    let logins = Work::Http {
        address: api.address(),
        requests: names.collect(),
        status: 200,
        rate: None,
    };
    let turn = effort.turn * TURNS;
    let (hashes, logins) = (job(AT_ONCE, turn, Work::Hash), job(AT_ONCE, turn, logins));
    let baseline = async || Ok(load::run(rig.cores, &hashes).await?.rate_of_all());
    let product = async || Ok(load::run(rig.cores, &logins).await?.rate_of_all());
    let pairs = effort.alternate(baseline, product).await?;
    let what = format!("{AT_ONCE} at once, logins/s beside hashes/s");
    let rate = Figure::of_pairs(NAME, what, "/s", &pairs, Target::RatioAtLeast(0.85));
    say!("  {}", rate.row().join("  "));
    let probes = Work::Http {
        address: api.address(),
        requests: vec![http::get(HOST, "/health/live", None)],
        status: 204,
        rate: Some(PROBES),
    };
    let probes = job(PROBING, turn, probes);
    let (_, probed) =
        tokio::try_join!(load::run(rig.cores, &logins), load::run(rig.cores, &probes))?;
    let what = format!("/health/live meanwhile, p99 of {} requests", probed.done);
    let live = Figure::plain(
        NAME,
        what,
        "ms",
        probed.quantile(0.99),
        Target::AtMost(50.0),
    );
    Ok(vec![rate, live])
}

/// Each client warms up with one request.
fn job(clients: usize, run: Duration, work: Work) -> Job {
    Job {
        clients,
        warm_up: Duration::from_millis(1),
        run,
        work,
    }
}
