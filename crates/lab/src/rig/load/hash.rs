//! Argon2id and nothing else, in the pool that the API has.

use std::{sync::Arc, thread, time::Instant};

use agent_crypto::{Argon2Cost, NoObserver, PasswordPipeline, PasswordSettings};
use anyhow::ensure;
use futures_util::future::try_join_all;

use super::{Job, Share};
use crate::seed::logins::PASSWORD;

/// Under the cost that is the default of the API, and with as many workers.
pub(super) async fn run(job: &Job) -> anyhow::Result<Vec<Share>> {
    let settings = PasswordSettings {
        salt: b"bench-password-salt".to_vec().into(),
        cost: Argon2Cost::default(),
        workers: thread::available_parallelism().map_or(1, usize::from),
        queue: job.clients,
    };
    let passwords = PasswordPipeline::new(settings, Arc::new(NoObserver))?;
    let stored = passwords.hash(PASSWORD).await?;
    try_join_all((0..job.clients).map(|_| client(job, &passwords, &stored))).await
}

async fn client(job: &Job, passwords: &PasswordPipeline, stored: &str) -> anyhow::Result<Share> {
    let mut share = Share::default();
    let started = Instant::now();
    while started.elapsed() < job.run {
        let one = Instant::now();
        let check = passwords.verify(Some(stored), PASSWORD).await?;
        ensure!(check.matches, "the password does not match its hash");
        share.latencies.push(one.elapsed().as_secs_f64() * 1000.0);
        share.seconds = started.elapsed().as_secs_f64();
    }
    Ok(share)
}
