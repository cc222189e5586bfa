//! Locking a direct sub and letting it in again (P-033, Q-86).

use agent_testkit::Answer;
use futures_util::future::join_all;
use serde_json::json;

use super::stage::{Family, everything, set_status};

#[tokio::test]
async fn p033_q86_a_lock_ends_sessions_and_stops_sign_ins_until_it_is_lifted() {
    let family = Family::new().await;
    let (app, mid) = (&family.app, &family.mid);
    let top = family.session(&family.top).await;
    let own = family.session(mid).await;
    let below = family.session(&family.leaf).await;
    assert_eq!(own.get("/agent/info").await.status, 200);

    let answer = set_status(&top, mid.guid.0, "locked").await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    own.get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    own.try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    let host = &family.brand.host;
    let login = app.try_login(host, &mid.username, &mid.password).await;
    login.assert_problem(403, "account_locked");
    let wrong = app.try_login(host, &mid.username, "another one").await;
    wrong.assert_problem(401, "invalid_credentials");
    // Those below work on.
    assert_eq!(below.get("/agent/info").await.status, 200);

    assert_eq!(set_status(&top, mid.guid.0, "active").await.status, 204);
    own.get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    own.try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    family.session(mid).await;
    let told = app
        .text(&format!(
            "SELECT string_agg(concat_ws(' ', event_type, payload->>'to', payload->>'parent_guid'), ', ' ORDER BY id) \
             FROM agent_outbox WHERE aggregate_type = 'agent' AND aggregate_id = '{}'",
            mid.guid
        ))
        .await;
    let parent = family.top.guid;
    assert_eq!(
        told,
        format!(
            "agent.sub.status_changed locked {parent}, agent.sub.status_changed active {parent}"
        )
    );
    let audit = app
        .text(&format!(
            "SELECT string_agg(concat_ws(' ', operator_id, action, brand_id, old_value->>'status', \
                                         new_value->>'status'), ', ' ORDER BY id) \
             FROM admin_audit WHERE resource = 'agent' AND resource_id = '{}'",
            mid.guid
        ))
        .await;
    let by = format!("agent:{parent} AGENT_SUB_STATUS {}", family.brand.id);
    assert_eq!(audit, format!("{by} active locked, {by} locked active"));
    assert_eq!(app.drain_outbox().await, 2);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_the_same_state_again_changes_nothing() {
    let family = Family::new().await;
    let (app, guid) = (&family.app, family.mid.guid.0);
    let top = family.session(&family.top).await;
    let before = everything(app).await;
    assert_eq!(set_status(&top, guid, "active").await.status, 204);
    assert_eq!(everything(app).await, before);
    let answers = join_all((0..8).map(|_| set_status(&top, guid, "locked"))).await;
    assert!(
        answers.iter().all(|answer| answer.status == 204),
        "{answers:?}"
    );
    let rows = "SELECT count(*) FROM admin_audit WHERE action = 'AGENT_SUB_STATUS'";
    assert_eq!(app.count(rows).await, 1);
    let events = "SELECT count(*) FROM agent_outbox WHERE event_type = 'agent.sub.status_changed'";
    assert_eq!(app.count(events).await, 1);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_other_states_are_refused() {
    let family = Family::new().await;
    let top = family.session(&family.top).await;
    let path = format!("/agent/sub/{}/status", family.mid.guid);
    let before = everything(&family.app).await;
    for status in ["deleted", "", "LOCKED", "enabled", "pending"] {
        let answer = top.post(&path, &json!({ "status": status })).await;
        answer.assert_problem(422, "validation_failed");
    }
    for body in [json!({}), json!({ "status": null }), json!({ "status": 1 })] {
        let answer = top.post(&path, &body).await;
        answer.assert_problem(422, "validation_failed");
    }
    let extra = json!({ "status": "active", "guid": family.leaf.guid, "token_version": 9 });
    let answer: Answer = top.post(&path, &extra).await;
    assert_eq!(answer.status, 204);
    assert_eq!(everything(&family.app).await, before);
    family.app.finish().await;
}
