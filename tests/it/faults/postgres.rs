//! Postgres stops, takes no writes, or ends every session.

use std::time::Duration;

use agent_testkit::{OwnServers, TestApp};

use super::stage::Stage;

#[tokio::test]
async fn p093_p094_while_postgres_is_down_everything_is_503_in_time_and_then_works_again() {
    let mut servers = OwnServers::start();
    let app = TestApp::on(&servers, &[]).await;
    let mut stage = Stage::set(app, &[]).await;
    servers.stop_postgres();
    for answer in stage.answers_of_a_crowd(Duration::from_secs(10)).await {
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    let health = stage.api.wait_for_status("/health", 503).await;
    assert_eq!(health.body["checks"]["database"], "unhealthy");
    assert_eq!(stage.api.get("/health/live").await.status, 204);
    let health = stage.worker.wait_for_status("/health", 503).await;
    assert_eq!(health.body["checks"]["database"], "unhealthy");
    // A loop that fails is no loop that hangs: the heartbeat goes on.
    tokio::time::sleep(Duration::from_millis(1_600)).await;
    let beats = stage.app.app.core.kv.latest().await.unwrap();
    let oldest = stage.app.clock.now() - chrono::Duration::milliseconds(1_500);
    assert!(beats.iter().any(|beat| beat.at > oldest), "{beats:?}");
    servers.start_postgres();
    stage.until_recovered().await;

    // Both at once.
    servers.stop_redis();
    servers.stop_postgres();
    for answer in stage.answers_of_a_crowd(Duration::from_secs(15)).await {
        assert_eq!(answer.status, 503, "{answer:?}");
    }
    servers.start_postgres();
    servers.start_redis();
    stage.until_recovered().await;
    stage.strike().await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_503_for_writes_and_nothing_else() {
    let servers = OwnServers::start();
    let app = TestApp::on(&servers, &[]).await;
    let mut stage = Stage::set(app, &[]).await;
    read_only(&stage, "on").await;
    let (read, write, login) = (
        stage.read().await,
        stage.withdraw().await,
        stage.login().await,
    );
    assert_eq!(read.status, 200, "{read:?}");
    for answer in [write, login] {
        answer.assert_problem(503, "unavailable");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert!(stage.worker.is_alive());
    read_only(&stage, "off").await;
    stage.until_recovered().await;
    stage.strike().await;
}

/// For every transaction that begins from now on, but for the one that changes it back.
async fn read_only(stage: &Stage, switch: &str) {
    let mut owner = stage.app.owner.acquire().await.unwrap();
    for statement in [
        "SET default_transaction_read_only = off".to_owned(),
        format!("ALTER SYSTEM SET default_transaction_read_only = {switch}"),
        "SELECT pg_reload_conf()".to_owned(),
        "RESET default_transaction_read_only".to_owned(),
    ] {
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&mut *owner)
            .await
            .unwrap();
    }
    let shown = async || -> String {
        let query = sqlx::query_scalar("SHOW default_transaction_read_only");
        query.fetch_one(&stage.app.owner).await.unwrap()
    };
    while shown().await != switch {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Sessions read the new setting on their own time.
    tokio::time::sleep(Duration::from_millis(200)).await;
}

#[tokio::test]
async fn sessions_that_are_ended_under_load_cost_503s_and_nothing_booked_twice() {
    let app = TestApp::spawn().await;
    let mut stage = Stage::set(app, &[]).await;
    let mut made = 1;
    for _ in 0..6 {
        let ending = async {
            for _ in 0..10 {
                stage
                    .app
                    .count(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE datname = current_database() AND pid <> pg_backend_pid() \
                           AND application_name IN ('agent-api', 'agent-worker')",
                    )
                    .await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let (answers, ()) = tokio::join!(stage.answers_of_a_crowd(Duration::from_secs(10)), ending);
        made += answers.iter().filter(|answer| answer.status == 201).count();
    }
    // A commit whose answer was lost may have happened; none may have happened twice.
    let orders = stage.app.count("SELECT count(*) FROM agent_withdraw").await;
    let most: i64 = 1 + 6 * 8;
    assert!(
        (i64::try_from(made).unwrap()..=most).contains(&orders),
        "{made} {orders}"
    );
    stage.until_recovered().await;
    stage.strike().await;
}
