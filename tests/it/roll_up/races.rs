//! Writers, jobs and days that meet.

use std::time::Duration;

use agent_testkit::TestApp;
use agent_worker::supervisor::Job as _;
use sqlx::{Postgres, Transaction};

use super::{catch_up, job, model::assert_exact, round};

const MARKS: &str = "SELECT count(*) FROM stat_dirty";

/// An agent with a player, and nothing left to do.
async fn quiet(app: &TestApp) {
    let brand = app.brand("a").await;
    let agent = app.agent("one", &[&brand]).await;
    app.as_owner(&format!(
        "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
         SELECT g, {}, {}, 'p' || g, now() FROM generate_series(1, 3) AS g",
        brand.id, agent.guid,
    ))
    .await;
    catch_up(app).await;
}

async fn bet(writer: &mut Transaction<'_, Postgres>, player: i64) {
    let done = sqlx::query(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date, brand_id, player_id, agent_id, 1, 10, 1 FROM player WHERE player_id = $1",
    )
    .bind(player)
    .execute(&mut **writer);
    let done = tokio::time::timeout(Duration::from_secs(10), done).await;
    done.expect("a writer waits for nobody").unwrap();
}

#[tokio::test]
async fn q97_a_change_that_commits_after_the_job_looked_is_not_lost() {
    let app = TestApp::spawn().await;
    quiet(&app).await;
    // Two writers of one day at once: neither waits for the other.
    let mut late = app.owner.begin().await.unwrap();
    bet(&mut late, 1).await;
    let mut early = app.owner.begin().await.unwrap();
    bet(&mut early, 2).await;
    early.commit().await.unwrap();
    let mut job = job(&app);
    round(&mut job).await;
    assert_exact(&app, "without the late one").await;
    assert_eq!(app.count(MARKS).await, 0);
    late.commit().await.unwrap();
    assert_eq!(app.count(MARKS).await, 1);
    round(&mut job).await;
    assert_exact(&app, "with the late one").await;
    app.finish().await;
}

#[tokio::test]
async fn q97_a_day_that_another_worker_has_waits_with_its_marks() {
    let app = TestApp::spawn().await;
    quiet(&app).await;
    let mut writer = app.owner.begin().await.unwrap();
    bet(&mut writer, 1).await;
    writer.commit().await.unwrap();
    let mut other = app.owner.begin().await.unwrap();
    sqlx::query(
        "SELECT pg_advisory_xact_lock(hashtextextended('roll_up ' || brand_id || ' ' || stat_date, 0)) FROM stat_dirty",
    )
    .execute(&mut *other)
    .await
    .unwrap();
    round(&mut job(&app)).await;
    assert_eq!(app.count(MARKS).await, 1);
    other.rollback().await.unwrap();
    round(&mut job(&app)).await;
    assert_eq!(app.count(MARKS).await, 0);
    assert_exact(&app, "afterwards").await;
    app.finish().await;
}

#[tokio::test]
async fn q97_a_day_that_fails_keeps_its_marks_and_holds_up_no_other() {
    let app = TestApp::spawn().await;
    quiet(&app).await;
    app.as_owner(
        "DO $$ BEGIN EXECUTE format('ALTER TABLE agent_stat_daily ADD CONSTRAINT broken CHECK (stat_date <> %L) \
                                     NOT VALID', now()::date - 4); END $$; \
         INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date - 5 + player_id::integer, brand_id, player_id, agent_id, 1, 10, 1 FROM player \
         ORDER BY player_id",
    )
    .await;
    let mut job = job(&app);
    let mut failures = 0;
    for _ in 0..4 {
        failures += u32::from(job.step().await.is_err());
    }
    assert!(failures > 0, "the day cannot be written");
    let waiting =
        "SELECT string_agg(DISTINCT (now()::date - stat_date)::text, ' ') FROM stat_dirty";
    assert_eq!(app.text(waiting).await, "4");
    app.as_owner("ALTER TABLE agent_stat_daily DROP CONSTRAINT broken")
        .await;
    catch_up(&app).await;
    assert_exact(&app, "cured").await;
    app.finish().await;
}
