//! Coupons expire by themselves, and their quota stays used (P-036).

use std::time::Duration;

use agent_persistence::portal::coupon_expiry;
use agent_testkit::TestApp;
use agent_worker::{
    jobs::Sweep,
    supervisor::{Job as _, Next},
};

use super::races::until_somebody_waits;

async fn sweep(app: &TestApp, limit: i64) -> u64 {
    let core = &app.app.core;
    let swept = coupon_expiry::sweep(core.db.pool(), core.clock.now(), limit).await;
    swept.unwrap()
}

async fn states(app: &TestApp) -> String {
    app.text("SELECT string_agg(status, ' ' ORDER BY coupon_id) FROM coupon")
        .await
}

#[tokio::test]
async fn p036_the_workers_sweep_marks_what_has_expired() {
    let app = TestApp::spawn().await;
    let brand = app.brand("swept").await;
    let granter = app.granter("swept", &brand, "1000", 5).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    assert_eq!(granter.session.recycle(&coupons[..1]).await.status, 200);
    app.as_owner(&format!(
        "UPDATE coupon SET status = 'used', used_at = now() WHERE coupon_id = {}; \
         UPDATE coupon SET expires_at = now() WHERE coupon_id <> {}",
        coupons[1], coupons[4]
    ))
    .await;
    let mut job = Sweep {
        core: app.app.core.clone(),
        outbox_retention: Duration::from_secs(7 * 86_400),
        idempotency_ttl: Duration::from_secs(24 * 3_600),
        months_kept: None,
    };
    assert_eq!(job.step().await.unwrap(), Next::AfterPause);
    assert_eq!(states(&app).await, "recycled used expired expired granted");
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 400.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

/// Exactly until it expires, and not an instant longer.
#[tokio::test]
async fn p036_a_coupon_expires_at_its_instant() {
    let app = TestApp::spawn().await;
    let brand = app.brand("instant").await;
    let granter = app.granter("instant", &brand, "1000", 2).await;
    granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let at: chrono::DateTime<chrono::Utc> =
        sqlx::query_scalar("SELECT max(expires_at) FROM coupon")
            .fetch_one(&app.owner)
            .await
            .unwrap();
    let pool = app.app.core.db.pool();
    let before = at - chrono::Duration::microseconds(1);
    assert_eq!(coupon_expiry::sweep(pool, before, 10).await.unwrap(), 0);
    assert_eq!(coupon_expiry::sweep(pool, at, 10).await.unwrap(), 2);
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p036_the_sweep_takes_bounded_batches_and_passes_over_what_others_hold() {
    let app = TestApp::spawn().await;
    let brand = app.brand("batches").await;
    let granter = app.granter("batches", &brand, "1000", 5).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    app.as_owner("UPDATE coupon SET expires_at = now()").await;
    assert_eq!(sweep(&app, 2).await, 2);
    let held = "SELECT count(*) FROM coupon WHERE status = 'granted'";
    assert_eq!(app.count(held).await, 3);
    let mut holder = app.owner.begin().await.unwrap();
    sqlx::query(
        "SELECT FROM coupon WHERE status = 'granted' ORDER BY coupon_id DESC LIMIT 1 FOR UPDATE",
    )
    .execute(&mut *holder)
    .await
    .unwrap();
    assert_eq!(sweep(&app, 10).await, 2);
    holder.rollback().await.unwrap();
    assert_eq!(sweep(&app, 10).await, 1);
    assert_eq!(sweep(&app, 10).await, 0);
    assert_eq!(coupons.len(), 5);
    app.finish().await;
}

/// A recycling that has waited goes by the time at which it got the coupon.
#[tokio::test]
async fn p038_a_coupon_that_expires_while_a_recycling_waits_is_not_taken_back() {
    let app = TestApp::spawn().await;
    let brand = app.brand("waits").await;
    let granter = app.granter("waits", &brand, "1000", 1).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let mut holder = app.owner.begin().await.unwrap();
    sqlx::query("SELECT FROM coupon FOR UPDATE")
        .execute(&mut *holder)
        .await
        .unwrap();
    let release = async {
        until_somebody_waits(&app).await;
        app.clock.advance(chrono::Duration::days(7));
        holder.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(granter.session.recycle(&coupons), release);
    answer.assert_problem(409, "coupon_not_recyclable");
    assert_eq!(sweep(&app, 10).await, 1);
    app.assert_coupon_books().await;
    app.finish().await;
}
