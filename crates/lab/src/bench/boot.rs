//! How soon a process is ready, and what it holds while nobody asks for anything.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::{
    accounts::HOST,
    effort::Effort,
    figure::{Figure, Target, median},
};
use crate::{
    out::say,
    rig::{
        Rig, Server,
        http::{self, Body, Connection},
    },
};

const NAME: &str = "boot";
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn run(effort: Effort) -> anyhow::Result<Vec<Figure>> {
    let rig = Rig::empty(&[]).await?;
    let (mut ready, mut api, mut worker) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.pairs {
        let started = Instant::now();
        let one = rig.api(&[]).await?;
        until_ready(&one, "/health/ready", 204).await?;
        ready.push(started.elapsed().as_secs_f64());
        let other = rig.serve("agent-worker", &[], &[]).await?;
        until_ready(&other, "/health", 200).await?;
        // Both have then done what they do at their start, and the worker many of its rounds.
        tokio::time::sleep(effort.paced).await;
        api.push(one.resident_mebibytes()?);
        worker.push(other.resident_mebibytes()?);
    }
    let most = |values: Vec<f64>| values.into_iter().fold(f64::NAN, f64::max);
    let figure = |what, unit, value, target| {
        let figure = Figure::plain(NAME, what, unit, value, Target::AtMost(target));
        say!("  {}", figure.row().join("  "));
        figure
    };
    Ok(vec![
        figure(
            "the API is ready, schema in place",
            "s",
            median(&ready),
            0.5,
        ),
        figure("memory of an idle API", "MiB", most(api), 20.0),
        figure("memory of an idle worker", "MiB", most(worker), 12.0),
    ])
}

async fn until_ready(server: &Server, path: &str, status: u16) -> anyhow::Result<()> {
    let started = Instant::now();
    let request = http::get(HOST, path, None);
    loop {
        let answer = Connection::open(server.address())?.ask(&request, Body::Count)?;
        if answer.status == status {
            return Ok(());
        }
        ensure!(
            started.elapsed() < PATIENCE,
            "{path}: status {}",
            answer.status
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
