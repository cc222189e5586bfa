//! Many at once: one wins.

use std::collections::HashSet;

use agent_testkit::Answer;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::stage::*;

fn statuses(answers: &[Answer]) -> Vec<u16> {
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    statuses
}

async fn successes(stage: &Stage, action: &str) -> usize {
    let expected = format!("{action} SUCCESS -");
    let outcomes = stage.outcomes().await;
    outcomes.iter().filter(|one| **one == expected).count()
}

#[tokio::test]
async fn q91_of_12_parallel_resets_with_one_token_one_succeeds() {
    let stage = Stage::set().await;
    let token = stage.permitted().await;
    let answers = join_all((0..12).map(|_| stage.reset(&token))).await;
    let mut expected = vec![204];
    expected.extend([400; 11]);
    assert_eq!(statuses(&answers), expected, "{answers:?}");
    for refused in answers.iter().filter(|answer| answer.status != 204) {
        refused.assert_problem(400, "token_invalid");
    }
    assert_eq!(successes(&stage, "RESET").await, 1);
    assert_eq!(stage.audit().await.len(), 14);
    stage.assert_password(true).await;
    assert_eq!(
        stage
            .app
            .count("SELECT token_version::bigint FROM agent")
            .await,
        2
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_of_parallel_right_codes_in_one_step_one_succeeds() {
    let stage = Stage::set().await;
    let code = stage.sent().await;
    let answers = join_all((0..12).map(|_| stage.forget(&code))).await;
    let mut expected = vec![204];
    expected.extend([400; 11]);
    assert_eq!(statuses(&answers), expected, "{answers:?}");
    assert_eq!(successes(&stage, "RESET").await, 1);
    assert_eq!(stage.audit().await.len(), 13);
    stage.app.finish().await;
}

#[tokio::test]
async fn q91_of_parallel_right_codes_one_becomes_a_permission() {
    let stage = Stage::set().await;
    let (id, code) = stage.requested().await;
    let answers = join_all((0..20).map(|_| stage.verify(&id, &code))).await;
    let mut expected = vec![200];
    expected.extend([400; 19]);
    assert_eq!(statuses(&answers), expected, "{answers:?}");
    assert_eq!(successes(&stage, "VERIFY").await, 1);
    assert_eq!(stage.audit().await.len(), 21);
    let granted = answers.iter().find(|answer| answer.status == 200).unwrap();
    let token = granted.body["reset_token"].as_str().unwrap();
    assert_eq!(stage.reset(token).await.status, 204);
    stage.app.finish().await;
}

#[tokio::test]
async fn parallel_requests_leave_one_live_code() {
    let limits = [
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_CONTACT_PER_DAY", "1000"),
        ("CODE_SENDS_PER_SOURCE", "1000"),
    ];
    let stage = Stage::with(&limits).await;
    let by_name = stage.by_name();
    let by_phone = json!({ "contact": PHONE });
    let asked =
        (0..16).map(|turn| stage.ask(REQUEST, if turn % 2 == 0 { &by_name } else { &by_phone }));
    let by_both = stage.by_both();
    let sent = (0..16).map(|_| stage.ask(SEND, &by_both));
    let (asked, sent) = join(join_all(asked), join_all(sent)).await;
    assert!(sent.iter().all(|answer| answer.status == 200), "{sent:?}");
    let ids: HashSet<String> = asked.iter().map(request_id).collect();
    assert_eq!(ids.len(), 16);
    for purpose in ["recovery", "forget"] {
        let live = format!(
            "SELECT count(*) FROM agent_recovery WHERE superseded_at IS NULL AND consumed_at IS NULL \
             AND purpose = '{purpose}'"
        );
        assert_eq!(stage.app.count(&live).await, 1);
    }
    // The live one is one of those that were sent: any code that came by SMS is good, or ended.
    stage.app.sms().wait_until(32).await;
    let codes: HashSet<String> = stage
        .app
        .sms()
        .messages()
        .iter()
        .map(|message| message.code())
        .collect();
    let id: String = sqlx::query_scalar(
        "SELECT id::text FROM agent_recovery WHERE superseded_at IS NULL AND purpose = 'recovery'",
    )
    .fetch_one(&stage.app.owner)
    .await
    .unwrap();
    let mut granted = 0;
    for code in &codes {
        stage
            .execute("UPDATE agent_recovery SET attempts = 0")
            .await;
        granted += usize::from(stage.verify(&id, code).await.status == 200);
    }
    assert_eq!(granted, 1);
    stage.app.finish().await;
}

/// Requests, resets and changes of the password for one account: none is answered by 5xx, and the
/// books of sessions and codes are in order after.
#[tokio::test]
async fn requests_resets_and_a_change_of_password_at_once_stand_in_nobodys_way() {
    let limits = [
        ("LOGIN_FAILURES_PER_USERNAME", "1000"),
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_CONTACT_PER_DAY", "1000"),
        ("CODE_SENDS_PER_SOURCE", "1000"),
    ];
    let stage = Stage::with(&limits).await;
    let mut password = stage.agent.password.clone();
    for round in 0..8 {
        let session = stage
            .app
            .login(&stage.brand.host, "forgetful", &password)
            .await;
        let token = stage.permitted().await;
        let code = stage.sent().await;
        let next = format!("password of round {round}");
        stage.app.plant(&next);
        let change = json!({ "old_password": password, "new_password": next });
        let by_name = stage.by_name();
        let by_both = stage.by_both();
        let (reset, forgot, changed, asked, sent) = tokio::join!(
            stage.reset(&token),
            stage.forget(&code),
            session.post("/agent/edit/password", &change),
            join_all((0..4).map(|_| stage.ask(REQUEST, &by_name))),
            join_all((0..4).map(|_| stage.ask(SEND, &by_both))),
        );
        for answer in asked.iter().chain(&sent) {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        // The messages of this round are not waited for by the next.
        for _ in 0..8 {
            stage.app.sms().wait_for(PHONE).await;
        }
        for answer in [&reset, &forgot] {
            assert!([204, 400].contains(&answer.status), "{answer:?}");
        }
        assert!([204, 401, 409].contains(&changed.status), "{changed:?}");
        let by_next = stage
            .app
            .try_login(&stage.brand.host, "forgetful", &next)
            .await
            .status;
        let by_new = stage
            .app
            .try_login(&stage.brand.host, "forgetful", NEW)
            .await
            .status;
        let by_old = stage
            .app
            .try_login(&stage.brand.host, "forgetful", &password)
            .await
            .status;
        // One of those that set a password was the last; the code of one step may have been ended.
        let in_force = [
            (by_next, next),
            (by_new, NEW.to_owned()),
            (by_old, password),
        ];
        let mut in_force = in_force.into_iter().filter(|(status, _)| *status == 200);
        password = in_force.next().expect("a password is in force").1;
        assert!(
            in_force.all(|(_, other)| other == password),
            "two passwords are in force"
        );
    }
    stage.app.finish().await;
}
