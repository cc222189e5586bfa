//! A run from its first quiet phase to the verdict.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::{
    acts,
    hostile::{self, Attack},
    journal::Rule,
    load::{Load, claims::Claims},
    out::say,
    plan::{Names, plan},
    stage::{API, Shared, Stage, world::HOST},
    verdict,
};

/// Agents of the load; two clients each.
const AGENTS: usize = 4;
/// Quiet load before the faults and after them.
const QUIET: Duration = Duration::from_secs(8);
/// Slow sockets at once, in the last phase.
const SLOW: usize = 1_000;
/// Others are served within this time meanwhile, on a busy machine.
const SERVED_WITHIN: Duration = Duration::from_secs(10);
/// The API with all those sockets; unoptimised, with logs.
const MEMORY_KIB: u64 = 512 * 1024;

/// What is asked for.
pub(crate) struct Order {
    pub(crate) seed: u64,
    pub(crate) lasts: Duration,
    pub(crate) workers: usize,
}

/// Runs, prints, cleans up; tells whether everything held.
pub(crate) async fn run(order: &Order) -> anyhow::Result<bool> {
    let seconds = order.lasts.as_secs();
    say!(
        "chaos: seed {}, {seconds} s of faults, {} worker(s)",
        order.seed,
        order.workers
    );
    let stage: Shared = Arc::new(Stage::set(order.seed, order.workers, AGENTS).await?);
    let logs = {
        let servers = stage.servers.lock();
        servers.map(|servers| servers.dir().display().to_string())
    };
    let logs = logs.unwrap_or_default();
    say!("logs: {logs}");
    let mut watchers = JoinSet::new();
    let (watched, looked) = (stage.clone(), stage.clone());
    watchers.spawn(async move { acts::watch(&watched).await });
    watchers.spawn(async move { verdict::books::watch(&looked).await });
    let claims = Arc::new(Claims::default());
    let phases = phases(&stage, &claims, order);
    let lasted = tokio::select! {
        lasted = phases => lasted?,
        // They end only by an error.
        Some(ended) = watchers.join_next() => {
            ended??;
            Duration::ZERO
        }
    };
    verdict::relay::judge(&stage).await?;
    stage.journal.tell("the stream is lost, and filled again");
    verdict::relay::refill(&stage).await?;
    watchers.shutdown().await;

    stage.journal.tell("everything is ended in order");
    for process in 0..stage.processes.len() {
        acts::end(&stage, process).await?;
    }
    verdict::books::judge(&stage).await?;
    verdict::clients::judge(&stage, &claims, lasted.as_secs_f64()).await?;
    verdict::logs::judge(&stage).await?;
    let holds = stage.journal.verdict();
    say!("");
    if holds {
        say!("all of it holds (seed {})", order.seed);
        if let Ok(mut servers) = stage.servers.lock() {
            servers.forget_logs();
        }
    } else {
        say!(
            "BROKEN. The same faults again: cargo dev chaos --seconds {seconds} --seed {} --workers {}",
            order.seed,
            order.workers
        );
        say!("logs of all processes: {logs}");
    }
    Ok(holds)
}

/// Quiet, faults, quiet, hostile clients; gives how long there was load.
async fn phases(stage: &Shared, claims: &Arc<Claims>, order: &Order) -> anyhow::Result<Duration> {
    let started = Instant::now();
    stage.journal.tell("quiet load");
    let load = Load::begin(stage, claims, order.seed, "before").await?;
    tokio::time::sleep(QUIET).await;
    load.end().await?;
    stage.until_quiet().await?;
    verdict::relay::quiet_since(stage, 0, "before the faults").await?;

    stage.journal.tell("faults under load");
    let load = Load::begin(stage, claims, order.seed, "faults").await?;
    faults(stage, order).await?;
    stage.journal.tell("all faults are over");
    load.end().await?;
    stage.until_quiet().await?;
    let settled = verdict::relay::quiet_since(stage, usize::MAX, "").await?;

    stage.journal.tell("quiet load");
    let load = Load::begin(stage, claims, order.seed, "after").await?;
    tokio::time::sleep(QUIET).await;
    hostile_phase(stage).await?;
    load.end().await?;
    stage.until_quiet().await?;
    verdict::relay::quiet_since(stage, settled, "after the faults").await?;
    Ok(started.elapsed())
}

/// Everything that was planned, each at its time; over when the last one is.
async fn faults(stage: &Shared, order: &Order) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut acting = JoinSet::new();
    for planned in plan(order.seed, order.lasts, order.workers) {
        let stage = stage.clone();
        acting.spawn(async move {
            tokio::time::sleep(planned.at.saturating_sub(started.elapsed())).await;
            let names = Names {
                links: stage.links.iter().map(|link| &*link.name).collect(),
                processes: stage.processes.iter().map(|one| one.name()).collect(),
            };
            stage.journal.tell(&planned.act.describe(&names));
            acts::perform(&stage, &planned.act).await
        });
    }
    while let Some(acted) = acting.join_next().await {
        acted??;
    }
    Ok(())
}

/// A thousand slow sockets and everything else that is hostile, in otherwise quiet operation:
/// others are served, and the API stays as large as it was.
async fn hostile_phase(stage: &Shared) -> anyhow::Result<()> {
    stage
        .journal
        .tell(&format!("{SLOW} slow sockets, and other hostile clients"));
    let attacks = async {
        let slow = Attack::SLOW.map(|attack| hostile::wave(stage, attack, SLOW / 3 + 1));
        let quick = async {
            for attack in Attack::QUICK {
                hostile::wave(stage, attack, 40).await;
            }
        };
        tokio::join!(futures_util::future::join_all(slow), quick);
    };
    let probing = async {
        let mut most = 0;
        loop {
            probe(stage).await;
            most = most.max(stage.processes[API].memory_kib().await.unwrap_or(0));
            stage.journal.note(
                Rule::MemoryIsBounded,
                format!("{} MiB at most", most / 1024),
            );
            if most > MEMORY_KIB {
                let text = format!("{} MiB", most / 1024);
                stage.journal.broken(Rule::MemoryIsBounded, text);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    tokio::select! {
        () = attacks => {}
        () = probing => {}
    }
    Ok(())
}

/// One request of somebody else, over a connection of its own.
async fn probe(stage: &Stage) {
    let asked = Instant::now();
    let client = reqwest::Client::builder().no_proxy().timeout(SERVED_WITHIN);
    let url = format!("http://{}/health/live", stage.api_address());
    let served = match client.build() {
        Ok(client) => client.get(url).header("Host", HOST).send().await,
        Err(error) => Err(error),
    };
    if !served.is_ok_and(|answer| answer.status().is_success()) {
        let text = format!("somebody else was not served for {:.1?}", asked.elapsed());
        stage.journal.broken(Rule::OthersAreServed, text);
    }
}
