//! Nothing is lost and nothing happens twice, whoever is killed when.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use agent_testkit::{TestApp, binaries::PATIENCE, probe, process::free_address};
use futures_util::future::join_all;

use super::load::Load;
use crate::outbox_poller::rows::{append_many, assert_complete_in_order, waiting};

const BATCH: usize = 50;

async fn until_published(app: &TestApp) {
    let started = Instant::now();
    while waiting(app).await > 0 {
        assert!(started.elapsed() < PATIENCE, "not published");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn worker_variables(batch: &str) -> [(&str, &str); 3] {
    [
        ("OUTBOX_BATCH", batch),
        ("OUTBOX_POLL_MS", "100"),
        ("OUTBOX_LEASE_MS", "2000"),
    ]
}

/// The time of a dead worker's leases passes at once, so that the next one gets to work before it is
/// killed, too.
async fn leases_run_out(app: &TestApp) {
    app.as_owner("UPDATE outbox_lease SET expires_at = '-infinity'; DELETE FROM outbox_worker")
        .await;
}

#[tokio::test]
async fn p091_q88_q94_killing_api_and_worker_under_load_loses_no_order_and_no_event() {
    const KILLS: usize = 5;
    let mut app = TestApp::spawn().await;
    let address = free_address();
    let listen = address.to_string();
    let variables = [("HTTP_LISTEN", listen.as_str())];
    let batch = BATCH.to_string();
    let mut api = app.api_binary(&variables).await;
    let mut worker = app.worker_binary(&worker_variables(&batch)).await;
    let load = Load::on(address, app.brand("a").await);
    let players = load.players(&app, 6).await;
    let playing = join_all(players.iter().map(|player| load.play(player)));
    let killing = async {
        for _ in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(350)).await;
            worker.kill();
            leases_run_out(&app).await;
            worker = app.worker_binary(&worker_variables(&batch)).await;
            tokio::time::sleep(Duration::from_millis(150)).await;
            api.kill();
            api = app.api_binary(&variables).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        load.over.set(true);
        (api, worker)
    };
    let (orders, _running) = tokio::join!(playing, killing);
    until_published(&app).await;

    let orders: i64 = orders.iter().sum();
    assert!(orders >= 20, "{orders} orders are no load");
    // Every request was carried out exactly once, however often it was sent.
    assert_eq!(
        app.count("SELECT count(*) FROM agent_withdraw").await,
        orders
    );
    let cancelled = "SELECT count(*) FROM agent_withdraw WHERE status = 'cancelled'";
    assert_eq!(app.count(cancelled).await, orders);
    let held = "SELECT count(*) FROM agent_account WHERE frozen <> 0 OR available <> 100000";
    assert_eq!(app.count(held).await, 0);

    let entries = probe::stream(&mut app.redis).await;
    let mut seen = HashMap::new();
    let mut of_order: HashMap<&str, Vec<&str>> = HashMap::new();
    for entry in &entries {
        match seen.insert(&entry["event_id"], entry) {
            Some(first) => assert_eq!(first, entry, "an event changed"),
            None if entry["aggregate_type"] == "agent_withdraw" => {
                of_order
                    .entry(&entry["aggregate_id"])
                    .or_default()
                    .push(&entry["event_type"]);
            }
            None => {}
        }
    }
    let guids: HashSet<String> = sqlx::query_scalar("SELECT guid::text FROM agent_withdraw")
        .fetch_all(&app.owner)
        .await
        .unwrap()
        .into_iter()
        .collect();
    assert_eq!(
        of_order
            .keys()
            .map(|guid| (*guid).to_owned())
            .collect::<HashSet<_>>(),
        guids
    );
    for events in of_order.values() {
        assert_eq!(
            events,
            &["agent.withdraw.created", "agent.withdraw.status_changed"]
        );
    }
    let repeated = entries.len() - seen.len();
    assert!(repeated <= KILLS * BATCH, "{repeated} repetitions");
    app.finish().await;
}

#[tokio::test]
async fn q94_killing_the_worker_in_the_middle_of_a_backlog_repeats_at_most_a_batch_each_time() {
    const ROWS: i64 = 4_000;
    let mut app = TestApp::spawn().await;
    append_many(&app, 100, ROWS).await;
    let batch = BATCH.to_string();
    let mut kills = 0;
    let mut worker = app.worker_binary(&worker_variables(&batch)).await;
    while waiting(&app).await > ROWS / 4 && kills < 8 {
        tokio::time::sleep(Duration::from_millis(40 * (kills % 4))).await;
        worker.kill();
        leases_run_out(&app).await;
        kills += 1;
        worker = app.worker_binary(&worker_variables(&batch)).await;
    }
    until_published(&app).await;
    let entries = probe::stream(&mut app.redis).await;
    let repeated = assert_complete_in_order(&entries, usize::try_from(ROWS).unwrap());
    assert!(kills > 0);
    assert!(
        repeated <= usize::try_from(kills).unwrap() * BATCH,
        "{repeated} after {kills} kills"
    );
    app.finish().await;
}
