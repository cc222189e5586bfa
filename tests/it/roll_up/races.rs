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

#[tokio::test]
async fn q97_days_that_always_fail_do_not_keep_older_days_from_being_done_again() {
    let app = TestApp::spawn().await;
    quiet(&app).await;
    app.as_owner(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date - back, brand_id, player_id, agent_id, 1, 10, 1 FROM player, generate_series(0, 11) AS back",
    )
    .await;
    catch_up(&app).await;
    // The seven latest fail: more than one round has.
    app.as_owner(
        "DELETE FROM agent_provider_stat_daily; \
         INSERT INTO stat_rebuild (brand_id, stat_date) SELECT DISTINCT brand_id, stat_date FROM agent_stat_daily \
         WHERE stat_date > now()::date - 12; \
         DO $$ BEGIN EXECUTE format('ALTER TABLE agent_provider_stat_daily ADD CONSTRAINT broken \
                                     CHECK (stat_date < %L) NOT VALID', now()::date - 6); END $$",
    )
    .await;
    let mut job = job(&app);
    for _ in 0..40 {
        let _ = job.step().await;
    }
    let waiting = "SELECT string_agg((now()::date - stat_date)::text, ' ' ORDER BY stat_date DESC) FROM stat_rebuild";
    assert_eq!(app.text(waiting).await, "0 1 2 3 4 5 6");
    // A change takes its turn beside them.
    app.as_owner(
        "INSERT INTO stat_dirty (brand_id, stat_date) SELECT brand_id, now()::date - 9 FROM brand",
    )
    .await;
    for _ in 0..10 {
        let _ = job.step().await;
    }
    assert_eq!(app.count(MARKS).await, 0);
    app.as_owner("ALTER TABLE agent_provider_stat_daily DROP CONSTRAINT broken")
        .await;
    for _ in 0..40 {
        job.step().await.unwrap();
    }
    assert_eq!(app.count("SELECT count(*) FROM stat_rebuild").await, 0);
    assert_exact(&app, "cured").await;
    app.finish().await;
}

#[tokio::test]
async fn q97_only_a_change_of_who_was_active_concerns_the_days_after() {
    let app = TestApp::spawn().await;
    quiet(&app).await;
    app.as_owner(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date - back, brand_id, player_id, agent_id, 1, 10, 1 \
         FROM player, unnest(ARRAY[0, 1, 90, 91, 92]) AS back",
    )
    .await;
    catch_up(&app).await;
    let (old, since) = ("stat_date = now()::date - 91", "now()::date - 91");
    let another = format!(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, deposit_count, bonus_amount) \
         SELECT {since}, brand_id, 9, agent_id, 1, 1, 5 FROM player LIMIT 1"
    );
    for (change, expected) in [
        (format!("UPDATE player_stat_daily SET bet_amount = 7, bet_count = 2 WHERE {old}"), ""),
        (format!("UPDATE player_stat_daily SET provider_id = 2 WHERE {old}"), ""),
        (format!("UPDATE player SET registered_at = {since}"), ""),
        (format!("UPDATE player SET first_deposit_at = {since}"), ""),
        (another, "90 1 0"),
        (format!("UPDATE player_stat_daily SET bet_count = 0 WHERE {old} AND player_id = 1"), "90 1 0"),
        (format!("DELETE FROM player_stat_daily WHERE {old} AND player_id = 1"), ""),
        (format!("UPDATE player_stat_daily SET player_id = 8 WHERE {old} AND player_id = 9"), "90 1 0"),
        (format!("DELETE FROM player_stat_daily WHERE {old} AND player_id = 8"), "90 1 0"),
        ("DELETE FROM player_stat_daily WHERE stat_date = now()::date - 92".to_owned(), "91 90 1"),
        // Whoever marks a day by hand need not know.
        ("INSERT INTO stat_dirty (brand_id, stat_date) SELECT brand_id, now()::date - 1 FROM brand".to_owned(), "0"),
    ] {
        app.as_owner(&change).await;
        assert!(app.count(MARKS).await > 0, "{change}");
        // The days themselves, then those after them.
        let pool = app.app.core.db.pool();
        for mark in agent_persistence::rollup::days_waiting(pool, &[]).await.unwrap().changed {
            let limit = Duration::from_secs(15);
            agent_services::roll_up::sum_up(&app.app.core, mark, limit).await.unwrap();
        }
        let after = "SELECT string_agg(DISTINCT (now()::date - stat_date)::text, ' ' \
                                       ORDER BY (now()::date - stat_date)::text DESC) FROM stat_dirty_active";
        assert_eq!(app.text(after).await, expected, "{change}");
        catch_up(&app).await;
        assert_exact(&app, &change).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q97_a_day_that_another_worker_sums_up_for_the_first_time_looks_back_again() {
    let app = TestApp::spawn().await;
    quiet(&app).await;
    app.as_owner(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date - 20, brand_id, player_id, agent_id, 1, 10, 1 FROM player",
    )
    .await;
    // Another worker has the later day, and has seen nothing of the change that comes now.
    let mut other = app.app.core.db.begin().await.unwrap();
    let days = agent_persistence::rollup::days_waiting(app.app.core.db.pool(), &[])
        .await
        .unwrap()
        .changed;
    let later = days[0];
    assert!(
        agent_persistence::rollup::claim(&mut other, later)
            .await
            .unwrap()
    );
    agent_persistence::rollup::take_marks(&mut other, later)
        .await
        .unwrap();
    agent_persistence::rollup::sum_up_day(&mut other, later)
        .await
        .unwrap();
    app.as_owner(
        "INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         SELECT now()::date - 25, brand_id, player_id, agent_id, 1, 10, 1 FROM player",
    )
    .await;
    round(&mut job(&app)).await;
    let _ = other.commit().await.unwrap();
    catch_up(&app).await;
    assert_exact(&app, "afterwards").await;
    app.finish().await;
}
