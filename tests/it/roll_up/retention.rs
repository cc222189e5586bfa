//! Months of players' days: made ahead, dropped when they are over.

use std::time::Duration;

use agent_persistence::rollup;
use agent_testkit::TestApp;

use super::catch_up;

/// Years ago, outside of every partition.
const OLD: &str = "(date_trunc('month', now()) - interval '20 months')::date";

/// First day that is kept of thirteen months.
const KEPT: &str = "(date_trunc('month', now()) - interval '13 months')::date";

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

/// The dashboard counts over days of which some players' days are gone.
#[tokio::test]
async fn q97_ranges_across_dropped_days_keep_their_active_players() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("one", &[&brand]).await;
    app.as_owner("SELECT player_stat_daily_ensure_partitions(20, 2)")
        .await;
    // Around the month that is kept first: some play on both sides, some on one.
    app.as_owner(&format!(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_count) \
         SELECT {KEPT} + day, {brand}, player, {agent}, 1, 1 \
         FROM (VALUES (1, -40), (1, -3), (1, 2), (2, -20), (2, 10), (2, 30), (3, -1), (4, 5), (4, 40), (5, 40), (5, -50)) \
              AS played (player, day)",
        brand = brand.id,
        agent = agent.guid,
    ))
    .await;
    catch_up(&app).await;
    let session = app.session(&agent, &brand).await;
    let active = async |from: i32, to: i32| {
        let day = |ahead: i32| format!("({KEPT} + {ahead})::text");
        let (from, to) = (
            app.text(&format!("SELECT {}", day(from))).await,
            app.text(&format!("SELECT {}", day(to))).await,
        );
        let path = format!("/agent/home/summary?date_from={from}&date_to={to}");
        let answer = session.get(&path).await;
        answer.body["current"]["active_players"].as_i64().unwrap()
    };
    let ranges = [
        (-50, 41),
        (-40, 10),
        (-3, 2),
        (0, 50),
        (0, 41),
        (5, 40),
        (-20, 30),
        (6, 90),
    ];
    let mut before = Vec::new();
    for (from, to) in ranges {
        before.push(active(from, to).await);
    }
    assert_eq!(before, [5, 4, 2, 4, 4, 3, 4, 3]);
    let pool = app.app.core.db.pool();
    let (_, dropped) = rollup::maintain_partitions(pool, Some(13)).await.unwrap();
    assert_eq!(dropped, 7);
    // Computed anew from what is left, it stays.
    app.as_owner(
        "INSERT INTO stat_dirty (brand_id, stat_date) SELECT brand_id, stat_date FROM agent_stat_daily",
    )
    .await;
    catch_up(&app).await;
    for ((from, to), before) in ranges.into_iter().zip(before) {
        assert_eq!(active(from, to).await, before, "{from} {to}");
    }
    // A correction is exact for ranges of kept days.
    app.as_owner(&format!(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_count) \
         VALUES ({KEPT} + 40, {brand}, 6, {agent}, 1, 1); \
         DELETE FROM player_stat_daily WHERE stat_date = {KEPT} + 5; \
         UPDATE player_stat_daily SET agent_id = agent_id WHERE player_id = 2",
        brand = brand.id,
        agent = agent.guid,
    ))
    .await;
    catch_up(&app).await;
    assert_eq!((active(0, 50).await, active(5, 30).await), (5, 1));
    assert_eq!((active(30, 40).await, active(-50, -1).await), (4, 4));
    app.finish().await;
}

#[tokio::test]
async fn q97_a_month_stays_while_a_day_that_looks_back_on_it_waits() {
    let app = TestApp::spawn().await;
    let pool = app.app.core.db.pool();
    app.as_owner("SELECT player_stat_daily_ensure_partitions(14, 2)")
        .await;
    for (mark, table) in [
        ("DEFAULT, 1, {}, now()", "stat_dirty_active"),
        ("1, {}", "stat_rebuild"),
        ("1, {}, now()", "stat_dirty"),
    ] {
        let mark = mark.replace("{}", &format!("{KEPT} + 90"));
        app.as_owner(&format!("INSERT INTO {table} VALUES ({mark})"))
            .await;
        let (_, dropped) = rollup::maintain_partitions(pool, Some(13)).await.unwrap();
        assert_eq!(dropped, 0, "{table}");
        app.as_owner(&format!("DELETE FROM {table}")).await;
    }
    let (_, dropped) = rollup::maintain_partitions(pool, Some(13)).await.unwrap();
    assert_eq!(dropped, 1);
    app.finish().await;
}

/// Whoever exports may read for minutes.
#[tokio::test]
async fn q97_a_month_that_is_over_waits_for_readers_and_keeps_nobody_waiting() {
    let app = TestApp::spawn().await;
    let pool = app.app.core.db.pool();
    app.as_owner("SELECT player_stat_daily_ensure_partitions(14, 2)")
        .await;
    let at_once = Duration::from_secs(1);
    let month = app
        .text("SELECT 'player_stat_daily_' || to_char(now() - interval '14 months', 'YYYYMM')")
        .await;
    let long = [
        "SELECT count(*) FROM player_stat_daily WHERE stat_date = now()::date".to_owned(),
        format!("SELECT count(*) FROM {month}"),
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id) \
         SELECT (now() - interval '14 months')::date, 1, 1, 1, 1"
            .to_owned(),
    ];
    for statement in long {
        let mut user = app.owner.begin().await.unwrap();
        sqlx::query(sqlx::AssertSqlSafe(statement.as_str()))
            .execute(&mut *user)
            .await
            .unwrap();
        let another = async {
            // Asks while the other waits for the lock, if it does.
            tokio::time::sleep(Duration::from_millis(30)).await;
            app.count("SELECT count(*) FROM player_stat_daily").await
        };
        let both = async { tokio::join!(rollup::maintain_partitions(pool, Some(13)), another) };
        let both = tokio::time::timeout(at_once, both).await;
        let (maintained, rows) = both.unwrap_or_else(|_| panic!("{statement}"));
        assert_eq!((maintained.unwrap(), rows), ((0, 0), 0), "{statement}");
        user.rollback().await.unwrap();
    }
    // In one transaction, which is one connection.
    let limits = "SELECT current_setting('lock_timeout'), player_stat_daily_drop_expired(13), \
                  current_setting('lock_timeout')";
    let told: (String, i32, String) = sqlx::query_as(limits).fetch_one(pool).await.unwrap();
    assert_eq!((told.1, &told.2), (1, &told.0));
    app.finish().await;
}
