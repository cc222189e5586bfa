//! The numbers, whatever changes in whatever order.

use std::cell::Cell;

use agent_testkit::TestApp;

use super::{catch_up, churn::Churn, job, model::assert_exact, round};

/// Changes while two jobs are at work.
async fn churned(seed: u64) {
    let app = TestApp::spawn().await;
    let mut churn = Churn::begin(&app, seed).await;
    for stage in 0..3 {
        let done = Cell::new(false);
        let changing = async {
            for _ in 0..40 {
                churn.change(&app).await;
            }
            done.set(true);
        };
        let working = async || {
            let mut job = job(&app);
            while !done.get() {
                round(&mut job).await;
            }
        };
        tokio::join!(changing, working(), working());
        catch_up(&app).await;
        assert_exact(&app, &format!("seed {seed}, stage {stage}")).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q97_sums_are_exact_whatever_changes_while_two_jobs_work() {
    for seed in 1..=4 {
        churned(seed).await;
    }
}

#[tokio::test]
async fn q97_what_is_deleted_leaves_no_row() {
    let app = TestApp::spawn().await;
    let mut churn = Churn::begin(&app, 77).await;
    for _ in 0..30 {
        churn.change(&app).await;
    }
    catch_up(&app).await;
    let left = "SELECT count(*) FROM agent_stat_daily WHERE bet_amount <> 0 OR new_players > 0";
    assert!(app.count(left).await > 0);
    app.as_owner("DELETE FROM player_stat_daily; DELETE FROM player; DELETE FROM agent_brand")
        .await;
    catch_up(&app).await;
    assert_eq!(app.count("SELECT count(*) FROM agent_stat_daily").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn q97_a_share_that_is_set_afterwards_counts_since_its_day() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("one", &[&brand]).await;
    app.as_owner(&format!(
        "INSERT INTO provider (provider_id, code, name, category) VALUES (1, 'p', 'P', 'slot'); \
         INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date - g, {brand}, 1, {agent}, 1, 100, 1 FROM generate_series(0, 3) AS g",
        brand = brand.id,
        agent = agent.guid,
    ))
    .await;
    catch_up(&app).await;
    let earned = "SELECT string_agg(commission::text, ' ' ORDER BY stat_date) FROM agent_stat_daily WHERE scope = 'team'";
    let since = |day: i32, percentage: &str| {
        format!(
            "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
             VALUES ({}, {}, 1, now()::date - {day}, {percentage})",
            agent.guid, brand.id,
        )
    };
    for (change, expected) in [
        (since(2, "40"), "0.0000 40.0000 40.0000 40.0000"),
        (since(1, "30.5"), "0.0000 40.0000 30.5000 30.5000"),
        (
            "UPDATE agent_provider_percentage SET effective_from = effective_from - 1 WHERE percentage = 40".to_owned(),
            "40.0000 40.0000 30.5000 30.5000",
        ),
        (
            "DELETE FROM agent_provider_percentage WHERE percentage = 40".to_owned(),
            "0.0000 0.0000 30.5000 30.5000",
        ),
    ] {
        app.as_owner(&change).await;
        catch_up(&app).await;
        assert_eq!(app.text(earned).await, expected, "{change}");
    }
    assert_exact(&app, "shares").await;
    app.finish().await;
}

#[tokio::test]
async fn q97_what_was_right_is_not_written_again() {
    let app = TestApp::spawn().await;
    let mut churn = Churn::begin(&app, 5).await;
    for _ in 0..30 {
        churn.change(&app).await;
    }
    catch_up(&app).await;
    let versions = "SELECT string_agg(xmin::text, ' ' ORDER BY brand_id, agent_id, scope, stat_date) FROM agent_stat_daily";
    let before = app.text(versions).await;
    app.as_owner("UPDATE player_stat_daily SET updated_at = now()")
        .await;
    assert!(app.count("SELECT count(*) FROM stat_dirty").await > 0);
    catch_up(&app).await;
    assert_eq!(app.text(versions).await, before);
    app.finish().await;
}

/// Reports survive the largest amounts that a player's day can hold, and of many players at once.
#[tokio::test]
async fn q97_the_largest_amounts_are_summed_up() {
    let app = TestApp::spawn().await;
    let brand = app.brand("large").await;
    let agent = app.agent("large", &[&brand]).await;
    app.as_owner(&format!(
        "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
         SELECT g, {0}, {1}, 'p' || g, now() FROM generate_series(1, 5) g; \
         INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_amount, \
                                        deposit_count, bet_amount) \
         SELECT current_date, {0}, g, {1}, 0, 9999999999999999.9999, 2147483647, 9999999999999999.9999 \
         FROM generate_series(1, 5) g",
        brand.id, agent.guid
    ))
    .await;
    catch_up(&app).await;
    let sums = "SELECT deposit_amount || ' ' || deposit_count FROM agent_stat_daily \
                WHERE scope = 'team' AND deposit_count > 0";
    assert_eq!(app.text(sums).await, "49999999999999999.9995 10737418235");
    let session = app.session(&agent, &brand).await;
    let day = app.text("SELECT current_date::text").await;
    for path in [
        "/agent/home/summary",
        "/agent/home/trend",
        "/agent/player/list",
    ] {
        let answer = session
            .get(&format!("{path}?date_from={day}&date_to={day}"))
            .await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    app.finish().await;
}
