//! A database that was summed up before there were sums by provider.

use agent_persistence::rollup::{self, BrandDay, OTHERS};
use agent_testkit::TestApp;
use agent_worker::{
    jobs::Upkeep,
    supervisor::{Job as _, Next},
};

use super::{
    WAITING, catch_up,
    churn::Churn,
    job,
    model::{assert_exact, assert_subs_add_up},
    round,
};

/// What the migration leaves: the agents' days as they were, and the days to do again.
const UPGRADED: &str = "\
    DELETE FROM agent_provider_stat_daily; DELETE FROM agent_active_daily; \
    UPDATE agent_stat_daily SET commission = commission + 0.0001 WHERE commission <> 0; \
    INSERT INTO stat_rebuild (brand_id, stat_date) SELECT DISTINCT brand_id, stat_date FROM agent_stat_daily";

#[tokio::test]
async fn p064_q97_after_an_update_money_is_shown_whole_or_not_at_all() {
    let app = TestApp::spawn().await;
    let mut churn = Churn::begin(&app, 9).await;
    for _ in 0..40 {
        churn.change(&app).await;
    }
    catch_up(&app).await;
    let brand = app.brand("later").await;
    let agent = app.agent("later", &[&brand]).await;
    app.as_owner(&format!(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_count) \
         SELECT current_date - g, {}, 77, {}, 1, 1 FROM generate_series(0, 4) AS g",
        brand.id, agent.guid,
    ))
    .await;
    catch_up(&app).await;
    app.as_owner(UPGRADED).await;
    let session = app.session(&agent, &brand).await;
    let range = |first: i64, last: i64| {
        let day = |back: i64| app.app.core.clock.now().date_naive() - chrono::TimeDelta::days(back);
        format!("date_from={}&date_to={}", day(first), day(last))
    };
    let income = |query: String| format!("/agent/provider/income?{query}");
    let refused = session.get(&income(range(4, 0))).await;
    refused.assert_problem(503, "unavailable");
    // Nothing waits on those days.
    let earlier = session.get(&income(range(20, 10))).await;
    assert_eq!(earlier.status, 200, "{earlier:?}");
    // Until then everybody counts as new on each day.
    let summary = format!("/agent/home/summary?{}", range(4, 0));
    let shown = session.get(&summary).await;
    assert_eq!(shown.body["current"]["active_players"], 5, "{shown:?}");
    catch_up(&app).await;
    assert_exact(&app, "rebuilt").await;
    assert_eq!(session.get(&income(range(4, 0))).await.status, 200);
    let shown = session.get(&summary).await;
    assert_eq!(shown.body["current"]["active_players"], 1, "{shown:?}");
    app.finish().await;
}

#[tokio::test]
async fn q97_the_latest_days_are_done_again_first_and_changes_before_them() {
    let app = TestApp::spawn().await;
    app.as_owner(
        "INSERT INTO stat_rebuild (brand_id, stat_date) VALUES (1, '2026-01-01'), (1, '2026-01-03'), (1, '2026-01-02'); \
         INSERT INTO stat_dirty_active (brand_id, stat_date) VALUES (1, '2025-01-01'); \
         INSERT INTO stat_dirty (brand_id, stat_date) VALUES (1, '2024-01-01')",
    )
    .await;
    let pool = app.app.core.db.pool();
    let named = |days: Vec<BrandDay>| -> Vec<String> {
        days.iter().map(|day| day.day.to_string()).collect()
    };
    let waiting = rollup::days_waiting(pool, &[]).await.unwrap();
    assert_eq!(named(waiting.changed), ["2024-01-01"]);
    let others = waiting.others;
    let but_two = rollup::days_waiting(pool, &[others[0], others[2]]).await;
    let expected = ["2025-01-01", "2026-01-03", "2026-01-02", "2026-01-01"];
    assert_eq!(named(others), expected);
    assert_eq!(named(but_two.unwrap().others), ["2026-01-03", "2026-01-01"]);
    round(&mut job(&app)).await;
    assert_eq!(app.count(WAITING).await, 0);
    app.finish().await;
}

/// What an update and a correction of old days leave to do.
const HUNDREDS: &str = "\
    INSERT INTO stat_rebuild (brand_id, stat_date) SELECT 1, now()::date - g FROM generate_series(1, 60) AS g; \
    INSERT INTO stat_dirty_active (brand_id, stat_date) \
    SELECT 1, now()::date - g FROM generate_series(100, 160) AS g, generate_series(1, 20) AS many";

#[tokio::test]
async fn q97_todays_changes_do_not_wait_for_hundreds_of_older_days() {
    let app = TestApp::spawn().await;
    app.as_owner(HUNDREDS).await;
    let mut job = job(&app);
    let success = || {
        let gauge = &app.metrics.job_last_success_timestamp_seconds;
        gauge.with_label_values(&["roll_up"]).get()
    };
    let mut done = 0;
    // Whenever it comes, a change has its turn before the others' next.
    while app.count(WAITING).await > 0 {
        app.as_owner("INSERT INTO stat_dirty (brand_id, stat_date) VALUES (1, now()::date)")
            .await;
        let mut steps = 0;
        while app.count("SELECT count(*) FROM stat_dirty").await > 0 {
            let next = job.step().await.unwrap();
            assert!(success() > 0, "told after each day");
            steps += 1;
            let left = app.count(WAITING).await;
            // As long as more are left than a round has, without a pause.
            assert!(next == Next::Now || left <= 5, "{left} left");
        }
        assert!(steps <= OTHERS + 1, "{steps} steps");
        done += steps;
    }
    // Sixty-one days look back, and sixty were made by an older version.
    assert!(done > 121, "{done} steps");
    app.finish().await;
}

#[tokio::test]
async fn q97_what_waits_to_be_summed_up_is_measured() {
    let app = TestApp::spawn().await;
    let mut upkeep = Upkeep {
        core: app.app.core.clone(),
        stream_max_len: 300,
        published: None,
    };
    let metrics = app.metrics.clone();
    let waiting = || {
        let of = |work| metrics.roll_up_waiting.with_label_values(&[work]).get();
        (of("changed"), of("look_back"), of("rebuild"))
    };
    let seconds = |work| {
        let gauge = &metrics.roll_up_waiting_seconds;
        gauge.with_label_values(&[work]).get()
    };
    app.as_owner(
        "INSERT INTO stat_dirty (brand_id, stat_date, changed_at) \
         VALUES (1, '2026-01-01', now() - interval '1 hour'), (1, '2026-01-01', now()); \
         INSERT INTO stat_dirty_active (brand_id, stat_date, changed_at) VALUES (1, '2026-01-01', now() - interval '1 day'); \
         INSERT INTO stat_rebuild (brand_id, stat_date) SELECT 1, '2026-01-01'::date - g FROM generate_series(1, 3) AS g",
    )
    .await;
    upkeep.step().await.unwrap();
    assert_eq!(waiting(), (2, 1, 3));
    assert!((3_600..3_700).contains(&seconds("changed")));
    assert!((86_400..86_500).contains(&seconds("look_back")));
    catch_up(&app).await;
    upkeep.step().await.unwrap();
    assert_eq!(waiting(), (0, 0, 0));
    assert_eq!((seconds("changed"), seconds("look_back")), (0, 0));
    app.finish().await;
}

/// The statement of the migration that sums up what was there before its triggers.
fn sum_up_subs() -> &'static str {
    let migration = include_str!("../../../migrations/0019_reports.sql");
    let (_, rest) = migration
        .split_once("\nINSERT INTO agent_subs_stat_daily\n")
        .unwrap();
    rest.split_once(';').unwrap().0
}

#[tokio::test]
async fn p075_q97_days_from_before_the_sums_of_subs_are_summed_up() {
    let app = TestApp::spawn().await;
    let mut churn = Churn::begin(&app, 12).await;
    for _ in 0..40 {
        churn.change(&app).await;
    }
    catch_up(&app).await;
    let insert = sum_up_subs();
    app.as_owner(&format!(
        "TRUNCATE agent_subs_stat_daily; INSERT INTO agent_subs_stat_daily {insert}"
    ))
    .await;
    assert_subs_add_up(&app, "migrated").await;
    // And go on from there.
    for _ in 0..20 {
        churn.change(&app).await;
    }
    catch_up(&app).await;
    assert_exact(&app, "after it").await;
    assert_subs_add_up(&app, "after it").await;
    app.finish().await;
}
