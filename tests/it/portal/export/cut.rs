//! Files that do not come to their end.

use std::time::Duration;

use sqlx::{Postgres, Transaction};
use tokio::time::{Instant, sleep};

use super::stage::{LONG, PATIENCE, Stage};

const ORDERS: &str = "/agent/withdraw/list?format=csv";

#[tokio::test]
async fn a_client_that_leaves_gives_back_connection_and_place() {
    let stage = Stage::new(&[]).await;
    stage.long_orders(&stage.top).await;
    let session = stage.session(&stage.top).await;
    let client = stage.stalled(&session, ORDERS).await;
    assert_eq!(stage.connections().await, 1);
    drop(client);
    stage.wait_for("withdrawals", "aborted", 1).await;
    stage.wait_for_release().await;
    assert_eq!(session.get("/agent/bank/list?format=csv").await.status, 200);
    stage.finish().await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_row_ends_the_statement() {
    let stage = Stage::new(&[("DB_LOCK_TIMEOUT_MS", "60000")]).await;
    let session = stage.session(&stage.top).await;
    // The statement waits for a lock, as it would for a long sort.
    let holder = hold(&stage).await;
    let path = "/agent/player/list?scope=team&format=csv";
    let request = session.request("GET", path).send().await.unwrap();
    assert_eq!(request.status(), 200);
    wait_until_one_waits(&stage).await;
    drop(request);
    stage.wait_for("players", "aborted", 1).await;
    stage.wait_for_release().await;
    holder.rollback().await.unwrap();
    stage.finish().await;
}

#[tokio::test]
async fn a_slow_client_holds_nothing_beyond_the_deadline() {
    let stage = Stage::new(&[("EXPORT_TIMEOUT_SECONDS", "2")]).await;
    stage.long_orders(&stage.top).await;
    let session = stage.session(&stage.top).await;
    let begun = Instant::now();
    let client = stage.stalled(&session, ORDERS).await;
    stage.wait_for("withdrawals", "late", 1).await;
    assert!(begun.elapsed() >= Duration::from_millis(1500));
    stage.wait_for_release().await;
    assert_eq!(session.get("/agent/bank/list?format=csv").await.status, 200);
    // What comes now is not taken for the whole.
    let (text, complete) = client.rest().await;
    assert!(!complete, "{} bytes", text.len());
    assert!(text.matches("Test Bank").count() < LONG);
    stage.finish().await;
}

#[tokio::test]
async fn a_failure_on_the_way_cuts_the_file() {
    let stage = Stage::new(&[]).await;
    stage.long_orders(&stage.top).await;
    let session = stage.session(&stage.top).await;
    let client = stage.stalled(&session, ORDERS).await;
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND application_name = 'agent-api' AND xact_start IS NOT NULL";
    assert_eq!(stage.app.count(ended).await, 1);
    let (text, complete) = client.rest().await;
    assert!(!complete, "{} bytes", text.len());
    stage.wait_for("withdrawals", "failed", 1).await;
    let lines = stage.app.logs.lines();
    let told = lines
        .iter()
        .find(|line| line["message"] == "an export broke off" && line["report"] == "withdrawals");
    let told = told.unwrap_or_else(|| panic!("{}", stage.app.logs.text()));
    assert!(told["cause"].is_string(), "{told}");
    // Also a client that does not look at the framing is told.
    assert_eq!(session.get("/agent/bank/list?format=csv").await.status, 200);
    stage.finish().await;
}

#[tokio::test]
async fn all_statements_of_an_export_see_one_instant() {
    let stage = Stage::new(&[("DB_LOCK_TIMEOUT_MS", "60000")]).await;
    let session = stage.session(&stage.top).await;
    let holder = hold(&stage).await;
    // Players are counted and found; what is shown of them is still to be read.
    let path = "/agent/player/list?scope=team&format=csv";
    let request = session.request("GET", path).send().await.unwrap();
    wait_until_one_waits(&stage).await;
    stage
        .app
        .as_owner("UPDATE player SET username = 'late-' || player_id, deposit_amount = 5")
        .await;
    holder.rollback().await.unwrap();
    let text = request.text().await.unwrap();
    assert_eq!(text.matches(",player-").count(), 3, "{text}");
    assert_eq!(text.matches("late-").count(), 0, "{text}");
    let now = session.get(path).await.text;
    assert_eq!(now.matches(",late-").count(), 3, "{now}");
    stage.finish().await;
}

/// Nobody reads what players did, until the transaction ends.
async fn hold(stage: &Stage) -> Transaction<'static, Postgres> {
    let mut holder = stage.app.owner.begin().await.unwrap();
    sqlx::query("LOCK TABLE player_stat_daily IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *holder)
        .await
        .unwrap();
    holder
}

async fn wait_until_one_waits(stage: &Stage) {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'agent-api' AND wait_event_type = 'Lock'";
    let until = Instant::now() + PATIENCE;
    while stage.app.count(waiting).await == 0 {
        assert!(Instant::now() < until, "nothing waits");
        sleep(Duration::from_millis(10)).await;
    }
}
