//! Months of players' days: made ahead, dropped when they are over.

use agent_persistence::rollup;
use agent_testkit::TestApp;

use super::catch_up;

/// Years ago, outside of every partition.
const OLD: &str = "(date_trunc('month', now()) - interval '20 months')::date";

async fn played(app: &TestApp) {
    let brand = app.brand("a").await;
    let agent = app.agent("one", &[&brand]).await;
    app.as_owner(&format!(
        "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
         VALUES (1, {brand}, {agent}, 'p', now()); \
         INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT day, {brand}, 1, {agent}, 1, 10, 1 FROM (VALUES ({OLD}), (now()::date)) AS d (day)",
        brand = brand.id,
        agent = agent.guid,
    ))
    .await;
}

#[tokio::test]
async fn q97_a_month_gets_its_rows_out_of_the_default_partition() {
    let app = TestApp::spawn().await;
    played(&app).await;
    let unsorted = "SELECT count(*) FROM player_stat_daily_default";
    assert_eq!(app.count(unsorted).await, 1);
    app.as_owner("SELECT player_stat_daily_ensure_partitions(24, 2)")
        .await;
    assert_eq!(app.count(unsorted).await, 0);
    assert_eq!(app.count("SELECT count(*) FROM player_stat_daily").await, 2);
    let again = rollup::maintain_partitions(app.app.core.db.pool(), None).await;
    assert_eq!(again.unwrap(), (0, 0));
    app.finish().await;
}

#[tokio::test]
async fn q97_a_month_is_dropped_once_it_is_summed_up_and_its_sums_stay() {
    let app = TestApp::spawn().await;
    played(&app).await;
    app.as_owner("SELECT player_stat_daily_ensure_partitions(20, 2)")
        .await;
    let pool = app.app.core.db.pool();
    // Days wait to be summed up.
    let (_, dropped) = rollup::maintain_partitions(pool, Some(13)).await.unwrap();
    assert_eq!(dropped, 0);
    catch_up(&app).await;
    let (_, dropped) = rollup::maintain_partitions(pool, Some(13)).await.unwrap();
    assert_eq!(dropped, 7);
    assert_eq!(app.count("SELECT count(*) FROM player_stat_daily").await, 1);
    let kept = format!(
        "SELECT count(*) FROM agent_stat_daily WHERE stat_date = {OLD} AND bet_amount = 10"
    );
    assert_eq!(app.count(&kept).await, 2);
    // A late change of such a day takes nothing away.
    app.as_owner(&format!(
        "INSERT INTO stat_dirty (brand_id, stat_date) SELECT brand_id, {OLD} FROM brand"
    ))
    .await;
    catch_up(&app).await;
    assert_eq!(app.count(&kept).await, 2);
    // Who came on it can still be corrected.
    app.as_owner(&format!(
        "UPDATE player SET registered_at = {OLD} + interval '12 hours'"
    ))
    .await;
    catch_up(&app).await;
    let came = format!("{kept} AND new_players = 1");
    assert_eq!(app.count(&came).await, 2);
    app.as_owner("UPDATE player SET agent_id = NULL").await;
    catch_up(&app).await;
    assert_eq!((app.count(&kept).await, app.count(&came).await), (2, 0));
    let (made, dropped) = rollup::maintain_partitions(pool, Some(13)).await.unwrap();
    assert_eq!((made, dropped), (0, 0));
    app.finish().await;
}

#[tokio::test]
async fn q97_a_short_retention_leaves_what_reports_need() {
    let app = TestApp::spawn().await;
    let pool = app.app.core.db.pool();
    let (_, dropped) = rollup::maintain_partitions(pool, Some(1)).await.unwrap();
    assert_eq!(dropped, 0, "four months were there");
    app.finish().await;
}
