//! Whatever is done with coupons, in whatever order and at once: the books agree with what was
//! answered.

use std::collections::BTreeSet;

use agent_persistence::portal::coupon_expiry;
use agent_testkit::{Granter, Session, TestApp};
use futures_util::future::join_all;
use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use rust_decimal::Decimal;

/// One thing that happens; numbers choose among players and coupons.
#[derive(Clone, Debug)]
enum Step {
    Grant(Vec<usize>),
    Recycle(Vec<usize>),
    Use(usize),
    Expire(usize),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(0..6_usize, 1..5).prop_map(Step::Grant),
        4 => prop::collection::vec(0..60_usize, 1..4).prop_map(Step::Recycle),
        2 => (0..60_usize).prop_map(Step::Use),
        1 => (0..60_usize).prop_map(Step::Expire),
        1 => Just(Step::Sweep),
    ]
}

/// What the answers said.
#[derive(Default)]
struct Told {
    granted: Vec<i64>,
    recycled: Vec<i64>,
}

fn chosen(from: &[i64], numbers: &[usize]) -> Vec<i64> {
    let chosen: BTreeSet<i64> = numbers
        .iter()
        .filter_map(|number| from.get(number % from.len().max(1)).copied())
        .collect();
    chosen.into_iter().collect()
}

/// Does one step; `coupons` are those known when the round began.
async fn take(
    app: &TestApp,
    granter: &Granter<'_>,
    session: &Session<'_>,
    coupons: &[i64],
    step: &Step,
) -> Told {
    let mut told = Told::default();
    let one = |number: &usize| chosen(coupons, &[*number]).first().copied().unwrap_or(0);
    match step {
        Step::Grant(numbers) => {
            let players = chosen(&granter.players, numbers);
            let answer = session.grant(granter.template, &players).await;
            match answer.status {
                201 => {
                    let items = answer.body["items"].as_array().unwrap().iter();
                    told.granted = items
                        .map(|item| item["coupon_id"].as_i64().unwrap())
                        .collect();
                    assert_eq!(told.granted.len(), players.len());
                }
                _ => answer.assert_problem(409, "coupon_quota_exceeded"),
            }
        }
        Step::Recycle(numbers) => {
            let ids = chosen(coupons, numbers);
            if !ids.is_empty() {
                let answer = session.recycle(&ids).await;
                match answer.status {
                    200 => told.recycled = ids,
                    _ => answer.assert_problem(409, "coupon_not_recyclable"),
                }
            }
        }
        Step::Use(number) => {
            let coupon = one(number);
            app.as_owner(&format!(
                "UPDATE coupon SET status = 'used', used_at = now() \
                 WHERE coupon_id = {coupon} AND status = 'granted' AND expires_at > now()"
            ))
            .await;
        }
        Step::Expire(number) => {
            let coupon = one(number);
            app.as_owner(&format!(
                "UPDATE coupon SET expires_at = now() WHERE coupon_id = {coupon} AND status = 'granted'"
            ))
            .await;
        }
        Step::Sweep => {
            let core = &app.app.core;
            let swept = coupon_expiry::sweep(core.db.pool(), core.clock.now(), 3).await;
            swept.unwrap();
        }
    }
    told
}

/// Each coupon is live, used, recycled or expired: their number and amount together, and the amount
/// of those that were not recycled.
async fn ends(app: &TestApp, granter: &Granter<'_>) -> (usize, usize, Decimal) {
    let (live, used) = ("status = 'granted'", "status = 'used'");
    let (recycled, expired) = ("status = 'recycled'", "status = 'expired'");
    let (mut count, mut amount, mut kept) = (0, 0, Decimal::ZERO);
    for end in [live, used, recycled, expired] {
        let of_end = format!(
            "SELECT count(*), coalesce(sum(amount), 0) FROM coupon WHERE agent_id = {} AND {end}",
            granter.agent.guid
        );
        let (number, sum): (i64, Decimal) = sqlx::query_as(sqlx::AssertSqlSafe(of_end))
            .fetch_one(&app.owner)
            .await
            .unwrap();
        count += usize::try_from(number).unwrap();
        amount += usize::try_from(sum).unwrap();
        if end != recycled {
            kept += sum;
        }
    }
    (count, amount, kept)
}

#[tokio::test]
async fn p036_p037_p038_the_books_agree_with_the_answers_whatever_happens() {
    let app = TestApp::spawn().await;
    let mut runner = TestRunner::deterministic();
    for case in 0..4 {
        let brand = app.brand(&format!("case{case}")).await;
        let name = format!("case{case}");
        let granter = app.granter(&name, &brand, "1250", 6).await;
        let other = app.session(&granter.agent, &brand).await;
        let (mut granted, mut recycled) = (Vec::new(), Vec::new());
        for _round in 0..12 {
            let steps = prop::collection::vec(step(), 1..8).new_tree(&mut runner);
            let steps = steps.unwrap().current();
            let sessions = [&granter.session, &other];
            let round = steps
                .iter()
                .enumerate()
                .map(|(at, step)| take(&app, &granter, sessions[at % 2], &granted, step));
            for told in join_all(round).await {
                granted.extend(told.granted);
                recycled.extend(told.recycled);
            }
            let live = granted.len() - recycled.len();
            let used = app.quota_used(&granter.agent, &brand).await;
            assert_eq!(used, (100 * live as i64).into(), "{steps:?}");
            assert!(live <= 12, "{steps:?}");
            let told = (granted.len(), 100 * granted.len(), used);
            assert_eq!(ends(&app, &granter).await, told, "{steps:?}");
            app.assert_coupon_books().await;
        }
        let ids = |ids: &[i64]| ids.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(ids(&recycled).len(), recycled.len(), "recycled twice");
        let stored = async |only: &str| {
            let query = format!(
                "SELECT coupon_id FROM coupon WHERE agent_id = {} {only} ORDER BY 1",
                granter.agent.guid
            );
            let found: Vec<i64> = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .fetch_all(&app.owner)
                .await
                .unwrap();
            ids(&found)
        };
        assert_eq!(stored("").await, ids(&granted));
        assert_eq!(stored("AND status = 'recycled'").await, ids(&recycled));
        assert!(!recycled.is_empty(), "nothing was tried");
    }
    app.finish().await;
}
