//! Clients as threads: sleeping until a request is due is more exact than timers that tick in
//! milliseconds.

use std::{
    net::SocketAddr,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail, ensure};

use super::{Job, Share, Work};
use crate::rig::http::{Body, Connection, Wait};

/// What all clients share.
struct Common<'a> {
    job: &'a Job,
    address: SocketAddr,
    status: u16,
    rate: Option<f64>,
    wait: Wait,
    /// The next request that falls due.
    next: AtomicU32,
    start: Barrier,
}

pub(super) fn run(job: &Job, wait: Wait) -> anyhow::Result<Vec<Share>> {
    let Work::Http {
        address,
        requests,
        status,
        rate,
    } = &job.work
    else {
        bail!("no requests");
    };
    let common = Common {
        job,
        address: *address,
        status: *status,
        rate: *rate,
        wait,
        next: AtomicU32::new(0),
        start: Barrier::new(job.clients),
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..job.clients)
            .map(|n| {
                let mine = requests.iter().cycle().skip(n).step_by(job.clients);
                let common = &common;
                scope.spawn(move || client(common, mine))
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().map_err(|_| anyhow!("a client panicked"))?)
            .collect()
    })
}

fn client<'r>(
    common: &Common<'_>,
    mut requests: impl Iterator<Item = &'r String>,
) -> anyhow::Result<Share> {
    let warm = warm_up(common, &mut requests);
    // Whoever failed must not leave the others waiting.
    common.start.wait();
    let mut connection = warm?;
    let mut share = Share::default();
    let started = Instant::now();
    for request in requests {
        let due = match common.rate {
            None => Instant::now(),
            Some(rate) => {
                let turn = f64::from(common.next.fetch_add(1, Ordering::Relaxed));
                let due = started + Duration::from_secs_f64(turn / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
                due
            }
        };
        if due >= started + common.job.run {
            break;
        }
        share.lines += ask(common, &mut connection, request)?;
        share.latencies.push(due.elapsed().as_secs_f64() * 1000.0);
        share.seconds = started.elapsed().as_secs_f64();
    }
    Ok(share)
}

fn warm_up<'r>(
    common: &Common<'_>,
    requests: &mut impl Iterator<Item = &'r String>,
) -> anyhow::Result<Connection> {
    let mut connection = Connection::open_to(common.address, common.wait)?;
    let started = Instant::now();
    for request in requests {
        if started.elapsed() >= common.job.warm_up {
            break;
        }
        ask(common, &mut connection, request)?;
    }
    Ok(connection)
}

/// Gives the lines of the answer.
fn ask(common: &Common<'_>, connection: &mut Connection, request: &str) -> anyhow::Result<u64> {
    let answer = connection.ask(request, Body::Count)?;
    ensure!(
        answer.status == common.status,
        "status {}, not {}",
        answer.status,
        common.status
    );
    Ok(answer.lines as u64)
}
