//! A new password from the agent above (P-033, Q-85).

use serde_json::json;

use super::stage::{Family, everything, reset};

const PIN: &str = "314159";

#[tokio::test]
async fn p033_q85_a_reset_ends_sessions_and_holds_payouts_back_for_a_while() {
    let family = Family::new().await;
    let (app, mid, host) = (&family.app, &family.mid, &family.brand.host);
    app.payout_password(&family.top, PIN).await;
    app.plant(PIN);
    let top = family.session(&family.top).await;
    let own = family.session(mid).await;
    app.as_owner(&format!(
        "INSERT INTO agent_recovery (id, agent_id, brand_id, purpose, code_hash, subject_key, expires_at, created_at) \
         VALUES (gen_random_uuid(), {}, {}, 'recovery', decode(repeat('00', 32), 'hex'), \
                 decode(repeat('01', 32), 'hex'), now() + interval '10 minutes', now())",
        mid.guid, family.brand.id
    ))
    .await;
    let start = app.text("SELECT now()::text").await;

    let answer = reset(&top, mid.guid.0, PIN).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let members: Vec<&String> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["initial_password"]);
    let password = answer.body["initial_password"].as_str().unwrap();
    app.plant(password);

    own.get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    own.try_refresh()
        .await
        .assert_problem(401, "unauthenticated");
    let old = app.try_login(host, &mid.username, &mid.password).await;
    old.assert_problem(401, "invalid_credentials");
    let new = app.try_login(host, &mid.username, password).await;
    assert_eq!(new.status, 200, "{new:?}");
    assert_eq!(new.body["agent"]["must_change_password"], true);
    app.plant(new.body["access_token"].as_str().unwrap());
    let cooling = format!(
        "SELECT count(*) FROM agent WHERE payout_cooldown_since BETWEEN '{start}' AND now() AND guid = {}",
        mid.guid
    );
    assert_eq!(app.count(&cooling).await, 1);
    let others = "SELECT count(*) FROM agent WHERE payout_cooldown_since IS NOT NULL";
    assert_eq!(app.count(others).await, 1);
    let open = "SELECT count(*) FROM agent_recovery WHERE superseded_at IS NULL";
    assert_eq!(app.count(open).await, 0);

    let audit = app
        .text(&format!(
            "SELECT string_agg(concat_ws(' ', operator_id, action, brand_id, old_value, new_value), ', ') \
             FROM admin_audit WHERE resource = 'agent' AND resource_id = '{}'",
            mid.guid
        ))
        .await;
    let (parent, brand) = (family.top.guid, family.brand.id);
    assert_eq!(
        audit,
        format!("agent:{parent} AGENT_SUB_RESET_PASSWORD {brand}")
    );
    let event = app
        .text(&format!(
            "SELECT concat_ws(' ', event_type, payload->>'agent_id', payload->>'parent_guid') FROM agent_outbox \
             WHERE aggregate_id = '{}'",
            mid.guid
        ))
        .await;
    assert_eq!(
        event,
        format!("agent.sub.password_reset {} {parent}", mid.guid)
    );
    // Its owner's own change asks for no more changes, and leaves the pause as it is.
    let session = app.login(host, &mid.username, password).await;
    app.plant("its very own one");
    let change = json!({ "old_password": password, "new_password": "its very own one" });
    assert_eq!(
        session.post("/agent/edit/password", &change).await.status,
        204
    );
    let own = app.try_login(host, &mid.username, "its very own one").await;
    assert_eq!(own.body["agent"]["must_change_password"], false);
    assert_eq!(app.count(&cooling).await, 1);
    assert_eq!(app.drain_outbox().await, 1);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_q100_only_the_own_payout_password_proves_the_parent() {
    let family = Family::new().await;
    let (app, guid) = (&family.app, family.mid.guid.0);
    let top = family.session(&family.top).await;
    let own = family.session(&family.mid).await;
    let before = everything(app).await;
    reset(&top, guid, "314159")
        .await
        .assert_problem(403, "payout_password_unset");
    // Neither that of the sub nor the login password is the parent's.
    app.payout_password(&family.mid, "271828").await;
    app.payout_password(&family.top, PIN).await;
    let before_guesses = everything(app).await;
    assert_ne!(before, before_guesses);
    for wrong in ["271828", family.top.password.as_str(), "314158"] {
        reset(&top, guid, wrong)
            .await
            .assert_problem(403, "payout_password_invalid");
    }
    let path = format!("/agent/sub/{guid}/reset_password");
    for body in [
        json!({}),
        json!({ "payout_password": "" }),
        json!({ "password": "123456" }),
    ] {
        let answer = top.post(&path, &body).await;
        answer.assert_problem(422, "validation_failed");
    }
    assert_eq!(everything(app).await, before_guesses);
    assert_eq!(own.get("/agent/info").await.status, 200);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_q100_guesses_at_the_payout_password_come_to_an_end() {
    let family = Family::new().await;
    let (app, guid) = (&family.app, family.mid.guid.0);
    app.payout_password(&family.top, PIN).await;
    let top = family.session(&family.top).await;
    let before = everything(app).await;
    let mut told = Vec::new();
    for guess in 0..30 {
        let answer = reset(&top, guid, &format!("10000{guess}")).await;
        told.push(answer.status);
        if answer.status == 429 {
            break;
        }
    }
    assert_eq!(told.last(), Some(&429), "{told:?}");
    // Then not even the right one is looked at.
    reset(&top, guid, PIN)
        .await
        .assert_problem(429, "rate_limited");
    assert_eq!(everything(app).await, before);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_a_locked_sub_gets_a_password_and_stays_locked() {
    let family = Family::new().await;
    let (app, mid) = (&family.app, &family.mid);
    app.payout_password(&family.top, PIN).await;
    let top = family.session(&family.top).await;
    app.set_agent(mid, "status", "locked").await;
    let answer = reset(&top, mid.guid.0, PIN).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let password = answer.body["initial_password"].as_str().unwrap();
    app.plant(password);
    let login = app
        .try_login(&family.brand.host, &mid.username, password)
        .await;
    login.assert_problem(403, "account_locked");
    family.app.finish().await;
}
