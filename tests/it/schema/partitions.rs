//! The days of the outbox and the months of the statistics.

use agent_persistence::outbox::maintain_partitions;
use agent_testkit::TestApp;
use chrono::{DateTime, Days, NaiveDate, Utc};

use super::application;

fn today(app: &TestApp) -> NaiveDate {
    app.clock.now().date_naive()
}

fn partition(day: NaiveDate) -> String {
    format!("agent_outbox_{}", day.format("%Y%m%d"))
}

async fn exists(app: &TestApp, table: &str) -> bool {
    app.count(&format!("SELECT count(to_regclass('{table}'))"))
        .await
        == 1
}

/// An event of an instant, published or not. Gives the partition that holds it.
async fn event(app: &TestApp, at: DateTime<Utc>, pending: bool) -> String {
    app.as_owner(&format!(
        "WITH e AS (INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id, \
                                              brand_id, schema_version, payload) \
                    VALUES ('{at}', gen_random_uuid(), 3, 'test', 'test', '{at}', 1, 2, '{{}}') RETURNING *) \
         INSERT INTO agent_outbox_pending (shard, id, occurred_at, aggregate_hash) \
         SELECT shard, id, occurred_at, 1 FROM e WHERE {pending}"
    ))
    .await;
    let holder =
        format!("SELECT tableoid::regclass::text FROM agent_outbox WHERE aggregate_id = '{at}'");
    app.text(&holder).await
}

/// A partition of a day long ago, as it was made when that day was to come.
async fn old_day(app: &TestApp, day: NaiveDate) -> DateTime<Utc> {
    let (name, next) = (partition(day), day + Days::new(1));
    app.as_owner(&format!(
        "CREATE TABLE {name} PARTITION OF agent_outbox FOR VALUES FROM ('{day} 00:00Z') TO ('{next} 00:00Z')"
    ))
    .await;
    day.and_hms_opt(12, 0, 0).unwrap().and_utc()
}

#[tokio::test]
async fn q94_a_fresh_database_has_the_coming_days_and_the_application_makes_more() {
    let app = TestApp::spawn().await;
    let today = today(&app);
    // Test databases are copies of one that may have been made yesterday.
    let (made, dropped) = maintain_partitions(application(&app), 7, 7).await.unwrap();
    assert!(made <= 1 && dropped == 0, "{made} made, {dropped} dropped");
    for ahead in 0..=7 {
        assert!(
            exists(&app, &partition(today + Days::new(ahead))).await,
            "day {ahead}"
        );
    }
    assert!(exists(&app, "agent_outbox_default").await);
    assert_eq!(
        maintain_partitions(application(&app), 7, 7).await.unwrap(),
        (0, 0)
    );
    assert!(!exists(&app, &partition(today + Days::new(9))).await);
    assert_eq!(
        maintain_partitions(application(&app), 9, 7).await.unwrap(),
        (2, 0)
    );
    assert!(exists(&app, &partition(today + Days::new(9))).await);
    app.finish().await;
}

#[tokio::test]
async fn q94_an_event_lies_in_its_day_to_the_microsecond() {
    let app = TestApp::spawn().await;
    let day = today(&app) + Days::new(1);
    let midnight = day.and_hms_opt(0, 0, 0).unwrap().and_utc();
    let instant = chrono::TimeDelta::microseconds(1);
    assert_eq!(event(&app, midnight, true).await, partition(day));
    assert_eq!(
        event(&app, midnight - instant, true).await,
        partition(day - Days::new(1))
    );
    let far = midnight + Days::new(300);
    assert_eq!(event(&app, far, true).await, "agent_outbox_default");
    app.finish().await;
}

/// A worker that was away too long: its events wait in the default partition, and the upkeep goes
/// on around them.
#[tokio::test]
async fn q94_a_day_that_the_default_partition_already_holds_does_no_harm() {
    let app = TestApp::spawn().await;
    let day = today(&app) + Days::new(9);
    let noon = day.and_hms_opt(12, 0, 0).unwrap().and_utc();
    assert_eq!(event(&app, noon, true).await, "agent_outbox_default");
    let before = app.count("SELECT count(*) FROM agent_outbox").await;
    maintain_partitions(application(&app), 10, 7).await.unwrap();
    assert!(!exists(&app, &partition(day)).await);
    for other in [8, 10] {
        assert!(
            exists(&app, &partition(today(&app) + Days::new(other))).await,
            "day {other}"
        );
    }
    assert_eq!(
        event(&app, noon + chrono::TimeDelta::hours(1), true).await,
        "agent_outbox_default"
    );
    assert_eq!(
        app.count("SELECT count(*) FROM agent_outbox").await,
        before + 1
    );
    app.finish().await;
}

#[tokio::test]
async fn q94_days_are_dropped_once_expired_and_published() {
    let app = TestApp::spawn().await;
    let ago = |days: u64| today(&app) - Days::new(days);
    for days in [30, 9, 8, 7, 6] {
        old_day(&app, ago(days)).await;
    }
    let noon = |days: u64| ago(days).and_hms_opt(12, 0, 0).unwrap().and_utc();
    event(&app, noon(9), true).await;
    event(
        &app,
        noon(8)
            .date_naive()
            .and_hms_opt(23, 59, 59)
            .unwrap()
            .and_utc(),
        true,
    )
    .await;
    app.as_owner("UPDATE agent_outbox_pending SET parked_at = now() WHERE occurred_at < now() - interval '8 days 12 hours'")
        .await;
    let kept = [9, 8, 7, 6];
    assert_eq!(
        maintain_partitions(application(&app), 7, 7)
            .await
            .unwrap()
            .1,
        1
    );
    assert!(!exists(&app, &partition(ago(30))).await);
    for days in kept {
        assert!(exists(&app, &partition(ago(days))).await, "{days} days ago");
    }
    // Their events stay until they are published, and then go with the day.
    assert_eq!(app.count("SELECT count(*) FROM agent_outbox").await, 2);
    app.as_owner("DELETE FROM agent_outbox_pending").await;
    assert_eq!(
        maintain_partitions(application(&app), 7, 7)
            .await
            .unwrap()
            .1,
        2
    );
    assert_eq!(app.count("SELECT count(*) FROM agent_outbox").await, 0);
    for days in [7, 6] {
        assert!(
            exists(&app, &partition(ago(days))).await,
            "{days} days ago: within the retention time"
        );
    }
    app.finish().await;
}

/// Whoever may call the upkeep is not thereby allowed to drop what is still needed.
#[tokio::test]
async fn q94_no_number_of_days_makes_the_upkeep_drop_today_or_what_is_to_come() {
    let app = TestApp::spawn().await;
    let coming = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'agent_outbox'::regclass";
    maintain_partitions(application(&app), 7, 7).await.unwrap();
    let before = app.count(coming).await;
    for days in [0, -1, -30, i32::MIN + 1] {
        maintain_partitions(application(&app), 7, days)
            .await
            .unwrap();
    }
    assert!(
        app.count(coming).await >= before - 1,
        "at most the day before today is gone"
    );
    assert!(exists(&app, &partition(today(&app))).await);
    app.finish().await;
}

#[tokio::test]
async fn q97_statistics_have_the_months_around_today_and_a_place_for_the_others() {
    let app = TestApp::spawn().await;
    let row = |day: &str| {
        format!(
            "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id) \
             VALUES ({day}, 1, 1, 1, 0) RETURNING tableoid::regclass::text"
        )
    };
    let month = |offset: &str| {
        format!(
            "SELECT 'player_stat_daily_' || to_char(now() AT TIME ZONE 'UTC' {offset}, 'YYYYMM')"
        )
    };
    for offset in ["", "- interval '3 months'", "+ interval '1 month'"] {
        let holder = app
            .text(&row(&format!("(now() AT TIME ZONE 'UTC' {offset})::date")))
            .await;
        assert_eq!(holder, app.text(&month(offset)).await);
    }
    assert_eq!(
        app.text(&row("'2001-01-01'")).await,
        "player_stat_daily_default"
    );
    let ensure = |back: i32, ahead: i32| {
        let query = format!("SELECT player_stat_daily_ensure_partitions({back}, {ahead})");
        let pool = application(&app).clone();
        async move {
            let made: i32 = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .fetch_one(&pool)
                .await
                .unwrap();
            made
        }
    };
    assert!(
        ensure(4, 2).await <= 1,
        "a month may have begun since the template was made"
    );
    assert_eq!(ensure(4, 2).await, 0);
    assert_eq!(ensure(4, 4).await, 2);
    app.finish().await;
}

/// Functions with the owner's rights must not look names up where a caller can put others.
#[tokio::test]
async fn q93_functions_with_the_owners_rights_have_a_fixed_search_path() {
    let app = TestApp::spawn().await;
    let functions = "SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc \
                     WHERE pronamespace = 'public'::regnamespace AND prosecdef";
    let known = "agent_end_sessions agent_outbox_drop_expired agent_outbox_ensure_partitions agent_stat_add_to_parent \
                 player_set_agent_path player_stat_daily_drop_expired player_stat_daily_ensure_partitions stat_mark_changed_days \
                 stat_mark_changed_player stat_mark_days stat_mark_members stat_mark_players stat_mark_recruited \
                 stat_mark_shares";
    assert_eq!(app.text(functions).await, known);
    let open = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef \
                AND NOT coalesce('search_path=public, pg_temp' = ANY (proconfig), false)";
    assert_eq!(app.count(open).await, 0);
    app.finish().await;
}
