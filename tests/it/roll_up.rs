//! Agents' days are the sums of their players' days.

mod churn;
mod dice;
mod model;
mod races;
mod retention;
mod sums;

use std::time::Duration;

use agent_testkit::TestApp;
use agent_worker::{
    jobs::RollUp,
    supervisor::{Job as _, Next},
};

fn job(app: &TestApp) -> RollUp {
    RollUp::new(app.app.core.clone(), Duration::from_secs(15))
}

/// Works until a round is over.
async fn round(job: &mut RollUp) {
    while job.step().await.unwrap() == Next::Now {}
}

/// Works until no day waits.
async fn catch_up(app: &TestApp) {
    let mut job = job(app);
    while app.count("SELECT count(*) FROM stat_dirty").await > 0 {
        round(&mut job).await;
    }
}
