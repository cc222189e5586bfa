//! A database that was summed up before there were sums by provider.

use agent_testkit::TestApp;

use super::{catch_up, churn::Churn, job, model::assert_exact, round};

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
    let days = agent_persistence::rollup::waiting_days(app.app.core.db.pool()).await;
    let days: Vec<String> = days.unwrap().iter().map(|d| d.day.to_string()).collect();
    let expected = [
        "2024-01-01",
        "2025-01-01",
        "2026-01-03",
        "2026-01-02",
        "2026-01-01",
    ];
    assert_eq!(days, expected);
    round(&mut job(&app)).await;
    assert_eq!(app.count(super::WAITING).await, 0);
    app.finish().await;
}
