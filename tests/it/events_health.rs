//! Health, readiness, metrics and signs of life (P-093, P-094, P-108, Q-17, Q-18, Q-92).

mod api;
mod heartbeat;
mod worker;

use std::time::{Duration, Instant};

use agent_testkit::{Answer, TestApp};

/// Nothing that is waited for here takes longer on a machine that works.
const DEADLINE: Duration = Duration::from_secs(20);

async fn get(app: &TestApp, path: &str) -> Answer {
    Answer::of(app.request("GET", "localhost", path)).await
}

/// Asks until the answer is as wanted: most are cached for a second.
async fn until(app: &TestApp, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    let started = Instant::now();
    loop {
        let answer = get(app, path).await;
        if wanted(&answer) {
            return answer;
        }
        assert!(started.elapsed() < DEADLINE, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
