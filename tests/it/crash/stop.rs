//! SIGTERM: what is under way is finished, and the rest is left as it was.

use std::time::{Duration, Instant};

use agent_testkit::{TestApp, probe, process::free_address};
use futures_util::future::join_all;

use super::load::Load;
use crate::outbox_poller::rows::{append_many, first_appearances, waiting};

const WITHIN: Duration = Duration::from_secs(10);

#[tokio::test]
async fn p095_sigterm_lets_requests_in_flight_finish() {
    let app = TestApp::spawn().await;
    let address = free_address();
    let mut api = app
        .api_binary(&[("HTTP_LISTEN", &address.to_string())])
        .await;
    let load = Load::on(address, app.brand("a").await);
    let players = load.players(&app, 4).await;
    // All accounts are locked, so that every request is in flight when the signal comes.
    let mut lock = app.owner.begin().await.unwrap();
    sqlx::query("SELECT FROM agent_account FOR UPDATE")
        .execute(&mut *lock)
        .await
        .unwrap();
    let asking = join_all(players.iter().map(|player| load.try_withdraw(player)));
    let stopping = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'agent-api' \
                       AND datname = current_database() AND wait_event_type = 'Lock'";
        while app.count(waiting).await < 4 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        api.ask_to_stop();
        let asked_at = Instant::now();
        tokio::time::sleep(Duration::from_millis(300)).await;
        // Nobody new gets in meanwhile.
        assert!(
            load.try_withdraw(&players[0])
                .await
                .unwrap_err()
                .is_connect()
        );
        lock.rollback().await.unwrap();
        assert_eq!(api.ended().await.code(), Some(0), "{}", api.log());
        assert!(asked_at.elapsed() < WITHIN);
    };
    let (answers, ()) = tokio::join!(asking, stopping);
    for answer in answers {
        let (status, body) = answer.unwrap();
        assert_eq!(status, 201, "{body}");
    }
    assert_eq!(app.count("SELECT count(*) FROM agent_withdraw").await, 4);
    app.finish().await;
}

/// Under a load that never ends, no order is made whose client does not learn of it.
#[tokio::test]
async fn p095_q88_sigterm_under_load_leaves_no_order_without_an_answer() {
    let app = TestApp::spawn().await;
    let address = free_address();
    let many = [
        ("HTTP_LISTEN", &*address.to_string()),
        ("WITHDRAW_MAX_OPEN", "1000"),
    ];
    let mut api = app.api_binary(&many).await;
    let load = Load::on(address, app.brand("a").await);
    let players = load.players(&app, 6).await;
    let asking = join_all(players.iter().map(|player| async {
        let mut made = 0;
        while !load.over.get() {
            if let Ok((201, _)) = load.try_withdraw(player).await {
                made += 1;
            }
        }
        made
    }));
    let stopping = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        api.ask_to_stop();
        let asked_at = Instant::now();
        assert_eq!(api.ended().await.code(), Some(0), "{}", api.log());
        assert!(asked_at.elapsed() < WITHIN);
        load.over.set(true);
    };
    let (made, ()) = tokio::join!(asking, stopping);
    let made: i64 = made.iter().sum();
    assert!(made > 0);
    assert_eq!(app.count("SELECT count(*) FROM agent_withdraw").await, made);
    app.finish().await;
}

#[tokio::test]
async fn q94_sigterm_ends_the_worker_in_time_with_nothing_half_marked_and_its_leases_given_up() {
    const ROWS: i64 = 20_000;
    let mut app = TestApp::spawn().await;
    append_many(&app, 200, ROWS).await;
    let mut worker = app.worker_binary(&[("OUTBOX_BATCH", "20")]).await;
    while waiting(&app).await == ROWS {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    worker.ask_to_stop();
    let asked_at = Instant::now();
    assert_eq!(worker.ended().await.code(), Some(0), "{}", worker.log());
    assert!(asked_at.elapsed() < WITHIN);
    let left = waiting(&app).await;
    assert!(left > 0, "it was not in the middle of anything");
    let (order, repeated) = first_appearances(&probe::stream(&mut app.redis).await);
    let published: usize = order.values().map(Vec::len).sum();
    assert_eq!(
        (i64::try_from(published).unwrap(), repeated),
        (ROWS - left, 0)
    );
    let held = "SELECT count(*) FROM outbox_lease WHERE owner IS NOT NULL";
    assert_eq!(
        app.count(held).await + app.count("SELECT count(*) FROM outbox_worker").await,
        0
    );
    app.finish().await;
}
