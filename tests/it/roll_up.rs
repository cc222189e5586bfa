//! Agents' days are the sums of their players' days.

mod churn;
mod dice;
mod distinct;
mod model;
mod races;
mod retention;
mod sums;
mod upgrade;

use std::time::Duration;

use agent_testkit::TestApp;
use agent_worker::{
    jobs::RollUp,
    supervisor::{Job as _, Next},
};

const WAITING: &str = "SELECT (SELECT count(*) FROM stat_dirty) + (SELECT count(*) FROM stat_dirty_active) \
                              + (SELECT count(*) FROM stat_rebuild)";

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
    while app.count(WAITING).await > 0 {
        round(&mut job).await;
    }
}
