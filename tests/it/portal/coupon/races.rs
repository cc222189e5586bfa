//! Coupons under races: recycled once, never after use or expiry, quota never exceeded.

use std::time::{Duration, Instant};

use agent_persistence::portal::coupon_expiry;
use agent_testkit::{Answer, Granter, Session, TestApp};
use futures_util::future::{join, join_all};

async fn more_sessions<'a>(app: &'a TestApp, granter: &Granter<'_>) -> Vec<Session<'a>> {
    let mut sessions = Vec::new();
    for _ in 0..4 {
        sessions.push(app.session(&granter.agent, &granter.brand).await);
    }
    sessions
}

async fn pause(turn: usize) {
    tokio::time::sleep(Duration::from_millis(3 * turn as u64)).await;
}

/// Returns once a statement waits for a lock that another one holds.
pub(super) async fn until_somebody_waits(app: &TestApp) {
    let waiting = "SELECT count(*) FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Instant::now() + Duration::from_secs(5);
    while app.count(waiting).await == 0 {
        assert!(Instant::now() < deadline, "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn with_status(answers: &[Answer], status: u16) -> usize {
    let answers = answers.iter();
    answers.filter(|answer| answer.status == status).count()
}

/// The month's first grants of all: they also race for who opens the quota.
#[tokio::test]
async fn p037_q25_of_forty_at_once_as_many_are_granted_as_the_quota_holds() {
    let app = TestApp::spawn().await;
    let brand = app.brand("forty").await;
    let granter = app.granter("forty", &brand, "750", 3).await;
    let sessions = more_sessions(&app, &granter).await;
    let turns = (0..40).map(|turn| {
        let player = [granter.players[turn % 3]];
        let session = &sessions[turn % sessions.len()];
        async move { session.grant(granter.template, &player).await }
    });
    let answers = join_all(turns).await;
    assert_eq!(with_status(&answers, 201), 7, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.assert_problem(409, "coupon_quota_exceeded");
    }
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 700.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

/// What is left is read under the lock, not before it.
#[tokio::test]
async fn p037_q25_a_grant_that_waits_for_the_quota_goes_by_what_is_left_of_it() {
    let app = TestApp::spawn().await;
    let brand = app.brand("left").await;
    let granter = app.granter("left", &brand, "200", 1).await;
    let (session, template) = (&granter.session, granter.template);
    session.granted(template, &granter.players).await;
    let mut other = app.owner.begin().await.unwrap();
    sqlx::query("SELECT FROM agent_coupon_quota FOR UPDATE")
        .execute(&mut *other)
        .await
        .unwrap();
    let take_the_rest = async {
        until_somebody_waits(&app).await;
        sqlx::query("UPDATE agent_coupon_quota SET used = total")
            .execute(&mut *other)
            .await
            .unwrap();
        other.commit().await.unwrap();
    };
    let (answer, ()) = join(session.grant(template, &granter.players), take_the_rest).await;
    answer.assert_problem(409, "coupon_quota_exceeded");
    assert_eq!(app.count("SELECT count(*) FROM coupon").await, 1);
    app.finish().await;
}

/// Whoever waits for the quota sees what the other took of it.
#[tokio::test]
async fn p037_q25_of_two_at_the_edge_of_the_quota_one_is_granted() {
    let app = TestApp::spawn().await;
    for round in 0..10 {
        let brand = app.brand(&format!("edge{round}")).await;
        let granter = app.granter(&format!("edge{round}"), &brand, "500", 5).await;
        let (session, template) = (&granter.session, granter.template);
        let (three, other_three) = (&granter.players[..3], &granter.players[2..]);
        let (one, other) = join(
            session.grant(template, three),
            session.grant(template, other_three),
        )
        .await;
        let answers = [one, other];
        assert_eq!(with_status(&answers, 201), 1, "{answers:?}");
        assert_eq!(with_status(&answers, 409), 1, "{answers:?}");
        assert_eq!(app.quota_used(&granter.agent, &brand).await, 300.into());
    }
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p038_a_coupon_is_taken_back_once_however_often_it_is_asked_for() {
    let app = TestApp::spawn().await;
    let brand = app.brand("once").await;
    let granter = app.granter("once", &brand, "100000", 20).await;
    let mut coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let sessions = more_sessions(&app, &granter).await;
    // In both orders, so that requests without an order of their own would block each other.
    let there = coupons.clone();
    coupons.reverse();
    let turns = (0..24).map(|turn| {
        let ids = if turn % 2 == 0 { &there } else { &coupons };
        sessions[turn % sessions.len()].recycle(ids)
    });
    let answers = join_all(turns).await;
    assert_eq!(with_status(&answers, 200), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_problem(409, "coupon_not_recyclable");
    }
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 0.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

/// The players' service marks a coupon as used; whoever commits first has it.
#[tokio::test]
async fn p038_a_recycling_that_waits_for_a_use_goes_by_its_outcome() {
    let app = TestApp::spawn().await;
    let brand = app.brand("use").await;
    let granter = app.granter("use", &brand, "1000", 2).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    for (coupon, used) in [(coupons[0], true), (coupons[1], false)] {
        let mut player = app.owner.begin().await.unwrap();
        let using = "UPDATE coupon SET status = 'used', used_at = now() WHERE coupon_id = $1 AND status = 'granted'";
        sqlx::query(using)
            .bind(coupon)
            .execute(&mut *player)
            .await
            .unwrap();
        let decide = async {
            until_somebody_waits(&app).await;
            if used {
                player.commit().await.unwrap();
            } else {
                player.rollback().await.unwrap();
            }
        };
        let ids = [coupon];
        let (answer, ()) = join(granter.session.recycle(&ids), decide).await;
        if used {
            answer.assert_problem(409, "coupon_not_recyclable");
        } else {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    }
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 100.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p038_each_coupon_is_either_used_or_recycled_or_expired() {
    let app = TestApp::spawn().await;
    let brand = app.brand("either").await;
    let granter = app.granter("either", &brand, "100000", 60).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    // A third of them expires while all this happens.
    app.as_owner("UPDATE coupon SET expires_at = now() + coupon_id * interval '4 ms' WHERE coupon_id % 3 = 0")
        .await;
    let recycling = coupons.iter().map(|coupon| {
        let ids = std::slice::from_ref(coupon);
        granter.session.recycle(ids)
    });
    // From the other end, so that the two meet in the middle.
    let using = coupons.iter().rev().enumerate().map(|(at, coupon)| {
        let owner = &app.owner;
        async move {
            pause(at).await;
            let using = "UPDATE coupon SET status = 'used', used_at = now() \
                         WHERE coupon_id = $1 AND status = 'granted' AND expires_at > now()";
            let done = sqlx::query(using).bind(coupon).execute(owner).await;
            usize::try_from(done.unwrap().rows_affected()).unwrap()
        }
    });
    let expiring = (0..60).map(|at| {
        let core = &app.app.core;
        async move {
            pause(at).await;
            let swept = coupon_expiry::sweep(core.db.pool(), core.clock.now(), 5).await;
            usize::try_from(swept.unwrap()).unwrap()
        }
    });
    let ((answers, used), expired) = join(
        join(join_all(recycling), join_all(using)),
        join_all(expiring),
    )
    .await;
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.assert_problem(409, "coupon_not_recyclable");
    }
    let recycled = with_status(&answers, 200);
    let (used, expired): (usize, usize) = (used.iter().sum(), expired.iter().sum());
    assert!(recycled > 0 && used > 0, "{recycled} {used} {expired}");
    let told = format!("recycled {recycled}, used {used}, expired {expired}");
    let stored = "SELECT format('recycled %s, used %s, expired %s', count(*) FILTER (WHERE status = 'recycled'), \
                    count(*) FILTER (WHERE status = 'used'), count(*) FILTER (WHERE status = 'expired')) FROM coupon";
    assert_eq!(app.text(stored).await, told);
    let left = 100 * (60 - recycled as i64);
    assert_eq!(app.quota_used(&granter.agent, &brand).await, left.into());
    app.assert_coupon_books().await;
    app.finish().await;
}
