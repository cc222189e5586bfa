//! The state machine of an order.

use agent_domain::{
    Code, Problem, WithdrawNo,
    portal::withdraw::WithdrawStatus::{
        self, Approved, Cancelled, Paid, Paying, Pending, Rejected, Reviewing,
    },
};
use agent_services::portal::withdraw_transition::{Actor, Transition, transition};
use agent_testkit::{Payee, TestApp};
use futures_util::future::join_all;

use super::trail;

const STATES: [WithdrawStatus; 7] = [
    Pending, Reviewing, Approved, Paying, Paid, Rejected, Cancelled,
];

/// What an operator may do. Everything else is refused, to the operator as to the owner, except
/// that the owner cancels what is pending.
const OPERATORS_MOVES: [(WithdrawStatus, WithdrawStatus); 8] = [
    (Pending, Reviewing),
    (Reviewing, Approved),
    (Approved, Paying),
    (Paying, Paid),
    (Pending, Rejected),
    (Reviewing, Rejected),
    (Approved, Rejected),
    (Paying, Rejected),
];

async fn many<'a>(app: &'a TestApp, code: &str) -> Payee<'a> {
    let brand = app.brand(code).await;
    let payee = app.payee(code, &brand, "1000000").await;
    app.setting(&payee.agent, &brand, "max_open_withdrawals = 1000")
        .await;
    payee
}

async fn moved_by(
    app: &TestApp,
    actor: Actor,
    number: &str,
    to: WithdrawStatus,
) -> Result<(), Problem> {
    let number = WithdrawNo::parse(number).unwrap();
    let step = Transition {
        number,
        to,
        actor,
        reason: None,
    };
    transition(&app.app.core, &step).await
}

async fn status(app: &TestApp, number: &str) -> String {
    app.text(&format!(
        "SELECT status FROM agent_withdraw WHERE withdraw_no = '{number}'"
    ))
    .await
}

#[tokio::test]
async fn q82_every_pair_of_states_is_a_move_or_a_conflict_without_a_trace() {
    let app = TestApp::spawn().await;
    let payee = many(&app, "pairs").await;
    let scope = app.adjustment(&payee.agent, &payee.brand, "1").await.scope;
    let owner = || Actor::Owner {
        agent: payee.agent.guid,
        scope: scope.clone(),
    };
    let operator = || Actor::Operator("tester".to_owned());
    for from in STATES {
        let stays = payee.session.withdrawn("500", payee.card).await;
        app.bring_order(&payee, &stays, from).await;
        for to in STATES {
            let by_operator = OPERATORS_MOVES.contains(&(from, to));
            let by_owner = (from, to) == (Pending, Cancelled);
            for (actor, allowed) in [(operator(), by_operator), (owner(), by_owner)] {
                if !allowed {
                    let before = app.books().await;
                    let refused = moved_by(&app, actor, &stays, to).await.unwrap_err();
                    assert_eq!(refused.code, Code::Conflict, "{from:?} -> {to:?}");
                    assert_eq!(app.books().await, before, "{from:?} -> {to:?}");
                    continue;
                }
                let moves = payee.session.withdrawn("500", payee.card).await;
                app.bring_order(&payee, &moves, from).await;
                moved_by(&app, actor, &moves, to).await.unwrap();
                assert_eq!(status(&app, &moves).await, to.as_str());
            }
        }
    }
    trail::assert_orders_and_ledger_agree(&app).await;
    app.finish().await;
}

#[tokio::test]
async fn q82_what_does_not_exist_or_belongs_to_another_cannot_be_moved() {
    let app = TestApp::spawn().await;
    let payee = many(&app, "mine").await;
    let other = many(&app, "theirs").await;
    let number = payee.session.withdrawn("500", payee.card).await;
    let here = app.adjustment(&payee.agent, &payee.brand, "1").await.scope;
    let there = app.adjustment(&payee.agent, &other.brand, "1").await.scope;
    let before = app.books().await;
    for (actor, number) in [
        (Actor::Operator("tester".to_owned()), "W20000101000000"),
        (
            Actor::Owner {
                agent: other.agent.guid,
                scope: here,
            },
            number.as_str(),
        ),
        (
            Actor::Owner {
                agent: payee.agent.guid,
                scope: there,
            },
            number.as_str(),
        ),
    ] {
        let refused = moved_by(&app, actor, number, Cancelled).await.unwrap_err();
        assert_eq!(refused.code, Code::NotFound);
    }
    assert_eq!(app.books().await, before);
    app.finish().await;
}

/// Two moves race for an order: one wins, the other is told, and the amount comes free once.
async fn race(code: &str, start: WithdrawStatus, ends: [WithdrawStatus; 2]) {
    let app = TestApp::spawn().await;
    let payee = many(&app, code).await;
    let scope = app.adjustment(&payee.agent, &payee.brand, "1").await.scope;
    let actor = |to| match to {
        Cancelled => Actor::Owner {
            agent: payee.agent.guid,
            scope: scope.clone(),
        },
        _ => Actor::Operator("tester".to_owned()),
    };
    let mut won = [0, 0];
    for round in 0..24 {
        let number = payee.session.withdrawn("500", payee.card).await;
        app.bring_order(&payee, &number, start).await;
        // Who starts first takes turns.
        let first = round % 2;
        let make = |end: usize| moved_by(&app, actor(ends[end]), &number, ends[end]);
        let outcome = tokio::join!(make(first), make(1 - first));
        let (winner, loser) = match outcome {
            (Ok(()), Err(problem)) => (first, problem),
            (Err(problem), Ok(())) => (1 - first, problem),
            both => panic!("{both:?}"),
        };
        assert_eq!(loser.code, Code::Conflict);
        won[winner] += 1;
        assert_eq!(status(&app, &number).await, ends[winner].as_str());
    }
    trail::assert_orders_and_ledger_agree(&app).await;
    assert!(
        won.iter().all(|times| *times > 0),
        "one side always won, which is no race: {won:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn q82_cancelling_against_rejecting_releases_once() {
    race("cancel_reject", Pending, [Cancelled, Rejected]).await;
}

#[tokio::test]
async fn q82_paying_against_failing_settles_or_releases() {
    race("pay_fail", Paying, [Paid, Rejected]).await;
}

#[tokio::test]
async fn q82_cancelling_against_reviewing_leaves_one_of_both() {
    race("cancel_review", Pending, [Cancelled, Reviewing]).await;
}

#[tokio::test]
async fn q82_thirty_at_once_make_the_same_move_once() {
    let app = TestApp::spawn().await;
    let payee = many(&app, "same_move").await;
    let number = payee.session.withdrawn("500", payee.card).await;
    for (step, to) in [Reviewing, Approved, Paying, Paid].into_iter().enumerate() {
        let moves = join_all((0..30).map(|_| app.move_order(&number, to))).await;
        assert_eq!(
            moves.iter().filter(|made| made.is_ok()).count(),
            1,
            "{to:?}: {moves:?}"
        );
        let conflict = |made: &Result<(), Problem>| {
            made.as_ref().err().is_none_or(|p| p.code == Code::Conflict)
        };
        assert!(moves.iter().all(conflict), "{to:?}: {moves:?}");
        let audits = format!("SELECT count(*) FROM admin_audit WHERE resource_id = '{number}'");
        assert_eq!(app.count(&audits).await, 2 + i64::try_from(step).unwrap());
    }
    let other = payee.session.withdrawn("500", payee.card).await;
    let cancels = join_all((0..30).map(|_| payee.session.cancel(&other))).await;
    assert_eq!(
        cancels.iter().filter(|answer| answer.status == 200).count(),
        1,
        "{cancels:?}"
    );
    assert!(
        cancels
            .iter()
            .all(|answer| matches!(answer.status, 200 | 409)),
        "{cancels:?}"
    );
    trail::assert_orders_and_ledger_agree(&app).await;
    app.finish().await;
}
