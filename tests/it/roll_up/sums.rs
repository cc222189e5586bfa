//! The numbers, whatever changes in whatever order.

use std::{cell::Cell, time::Duration};

use agent_testkit::TestApp;

use super::{
    catch_up,
    churn::Churn,
    job,
    model::{assert_exact, assert_subs_add_up},
    round,
};

async fn round_of_another(app: &TestApp) {
    round(&mut job(app)).await;
}

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
        // A third is cut off in the middle of its work, again and again.
        let cut = async {
            let mut milliseconds = 1;
            while !done.get() {
                milliseconds = milliseconds * 7 % 61;
                let part = round_of_another(&app);
                let _ = tokio::time::timeout(Duration::from_millis(milliseconds), part).await;
            }
        };
        tokio::join!(changing, working(), working(), cut);
        catch_up(&app).await;
        let told = format!("seed {seed}, stage {stage}");
        assert_exact(&app, &told).await;
        assert_subs_add_up(&app, &told).await;
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
    for table in [
        "agent_stat_daily",
        "agent_provider_stat_daily",
        "agent_active_daily",
    ] {
        let rows = format!("SELECT count(*) FROM {table}");
        assert_eq!(app.count(&rows).await, 0, "{table}");
    }
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
    let versions = "SELECT string_agg(version, ' ') FROM ( \
                        (SELECT xmin::text FROM agent_stat_daily ORDER BY brand_id, agent_id, scope, stat_date) \
                        UNION ALL (SELECT xmin::text FROM agent_active_daily ORDER BY brand_id, agent_id, scope, stat_date) \
                        UNION ALL (SELECT xmin::text FROM agent_provider_stat_daily \
                                   ORDER BY brand_id, agent_id, scope, stat_date, provider_id)) AS rows (version)";
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

/// What the own players of a tree did, added up, is what the team of its root did.
#[tokio::test]
async fn q97_own_players_of_a_tree_add_up_to_the_team_of_its_root() {
    const SUMS: &str = "\
        SELECT stat_date, brand_id, root, 0 AS provider_id, \
               ARRAY[new_players, new_subs, ftd_count, ftd_amount, deposit_amount, deposit_count, withdraw_amount, \
                     withdraw_count, bet_amount, bet_count, valid_bet_amount, win_amount, bonus_amount, fee_amount, \
                     royalty_amount] AS amounts, scope \
        FROM agent_stat_daily JOIN trees USING (agent_id) WHERE scope = 'direct' OR agent_id = root \
        UNION ALL \
        SELECT stat_date, brand_id, root, provider_id, \
               ARRAY[bet_amount, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount], scope \
        FROM agent_provider_stat_daily JOIN trees USING (agent_id) WHERE scope = 'direct' OR agent_id = root";
    let app = TestApp::spawn().await;
    let mut churn = Churn::begin(&app, 21).await;
    for _ in 0..60 {
        churn.change(&app).await;
    }
    catch_up(&app).await;
    let differing = format!(
        "WITH trees AS (SELECT guid AS agent_id, split_part(path, '/', 2)::bigint AS root FROM agent), \
              sums AS ({SUMS}), \
              added AS (SELECT stat_date, brand_id, root, provider_id, place, \
                               coalesce(sum(amount) FILTER (WHERE scope = 'direct'), 0) AS direct, \
                               coalesce(sum(amount) FILTER (WHERE scope = 'team'), 0) AS team \
                        FROM sums CROSS JOIN LATERAL unnest(amounts) WITH ORDINALITY AS a (amount, place) \
                        GROUP BY 1, 2, 3, 4, 5) \
         SELECT count(*) FROM added WHERE "
    );
    assert!(app.count(&format!("{differing} team <> 0")).await > 100);
    assert_eq!(app.count(&format!("{differing} team <> direct")).await, 0);
    let apart = "SELECT count(*) FROM agent_stat_daily s WHERE commission <> \
                 coalesce((SELECT sum(income) FROM agent_provider_stat_daily p \
                           WHERE (p.brand_id, p.agent_id, p.scope, p.stat_date) \
                               = (s.brand_id, s.agent_id, s.scope, s.stat_date)), 0)";
    assert_eq!(app.count(apart).await, 0);
    app.finish().await;
}
