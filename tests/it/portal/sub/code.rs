//! A code in place of the payout password, for a new password of a sub (P-033, Q-85).

use agent_testkit::{AgentFixture, Answer, OwnServers, Session, TestApp};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{everything, reset};
use crate::portal::edit::stage::{BANK, Stage, bank_body, other_than};

fn path(sub: &AgentFixture) -> String {
    format!("/agent/sub/{}/reset_password", sub.guid)
}

async fn ask(session: &Session<'_>, sub: &AgentFixture) -> Answer {
    let path = format!("{}/send-sms", path(sub));
    Answer::of(session.request("POST", &path)).await
}

async fn code(stage: &Stage, session: &Session<'_>, sub: &AgentFixture) -> String {
    let answer = ask(session, sub).await;
    assert_eq!(
        (answer.status, &answer.body),
        (200, &json!({ "sent": true, "expires_in": 600 }))
    );
    stage.app.sms().wait_for(&stage.phone).await.code()
}

async fn spend(session: &Session<'_>, sub: &AgentFixture, code: &str) -> Answer {
    session.post(&path(sub), &json!({ "otp": code })).await
}

#[track_caller]
fn password(app: &TestApp, answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    let password = answer.body["initial_password"].as_str().unwrap();
    app.plant(password);
    password.to_owned()
}

/// The owner's subs: two direct ones, and one below the first.
async fn subs(stage: &Stage) -> [AgentFixture; 3] {
    let (app, top) = (&stage.app, Some(stage.agent.guid));
    let one = app.agent_under("sub_one", top, &[&stage.brand]).await;
    let two = app.agent_under("sub_two", top, &[&stage.brand]).await;
    let below = app
        .agent_under("sub_below", Some(one.guid), &[&stage.brand])
        .await;
    [one, two, below]
}

#[tokio::test]
async fn p033_q85_a_code_sent_to_the_parent_gives_a_sub_a_new_password_once() {
    let stage = Stage::set().await;
    let [sub, ..] = subs(&stage).await;
    let session = stage.session().await;
    let own = stage.app.session(&sub, &stage.brand).await;
    let code = code(&stage, &session, &sub).await;
    // Not even a payout password was ever set.
    let initial = password(&stage.app, &spend(&session, &sub, &code).await);
    own.get("/agent/info")
        .await
        .assert_problem(401, "unauthenticated");
    let host = &stage.brand.host;
    let login = stage.app.login(host, &sub.username, &initial).await;
    assert_eq!(login.get("/agent/info").await.status, 200);
    let again = spend(&session, &sub, &code).await;
    again.assert_problem(400, "otp_invalid");
    let hash = "SELECT new_value->>'contact_hash' FROM admin_audit WHERE action = 'AGENT_SUB_RESET_PASSWORD_SEND_SMS'";
    let hash = stage.app.text(hash).await;
    assert_eq!(hash.len(), 64);
    let rows: Vec<Value> = stage.audit().await;
    let row = |action: &str, new_value: Value| {
        json!({
            "operator_id": format!("agent:{}", stage.agent.guid), "resource": "agent",
            "resource_id": sub.guid.to_string(), "action": action, "brand_id": stage.brand.id,
            "old_value": null, "new_value": new_value,
        })
    };
    assert_eq!(
        rows,
        [
            row(
                "AGENT_SUB_RESET_PASSWORD_SEND_SMS",
                json!({ "contact_hash": hash })
            ),
            row("AGENT_SUB_RESET_PASSWORD", Value::Null),
        ]
    );
    assert_eq!(stage.app.drain_outbox().await, 1);
    stage.app.finish().await;
}

#[tokio::test]
async fn p033_q85_a_code_is_good_for_its_sub_its_parent_and_its_purpose_only() {
    let stage = Stage::set().await;
    let [one, two, _] = subs(&stage).await;
    let session = stage.session().await;
    let before = everything(&stage.app).await;
    let for_one = code(&stage, &session, &one).await;
    spend(&session, &two, &for_one)
        .await
        .assert_problem(400, "otp_invalid");
    let account = bank_body(&stage.number(), &for_one);
    let answer = session.post(BANK, &account).await;
    answer.assert_problem(400, "otp_invalid");
    // A newer one ends it, whomever it is for.
    let for_two = code(&stage, &session, &two).await;
    if for_one != for_two {
        spend(&session, &one, &for_one)
            .await
            .assert_problem(400, "otp_invalid");
    }
    let for_bank = stage.bank_code(&session).await;
    if for_bank != for_two {
        spend(&session, &two, &for_bank)
            .await
            .assert_problem(400, "otp_invalid");
    }
    // Another brand of the same two.
    let other = stage.app.brand("b").await;
    for agent in [&stage.agent, &two] {
        stage.app.join(agent, &other).await;
    }
    let elsewhere = stage.app.session(&stage.agent, &other).await;
    spend(&elsewhere, &two, &for_two)
        .await
        .assert_problem(400, "otp_invalid");
    stage.app.clock.advance(TimeDelta::seconds(600));
    let late = spend(&stage.session().await, &two, &for_two).await;
    late.assert_problem(400, "otp_expired");
    let after = everything(&stage.app).await;
    for (table, was) in after.iter().zip(&before) {
        if !table.starts_with("admin_audit") && !table.starts_with("agent_brand") {
            assert_eq!(table, was);
        }
    }
    let resets = "SELECT count(*) FROM admin_audit WHERE action = 'AGENT_SUB_RESET_PASSWORD'";
    assert_eq!(stage.app.count(resets).await, 0);
    stage.app.finish().await;
}

#[tokio::test]
async fn p033_q71_guesses_at_once_gain_nothing_and_a_right_code_works_once() {
    let stage = Stage::with(&[
        ("HTTP_REQUESTS_PER_AGENT", "64"),
        ("SUB_RESETS_PER_HOUR", "1000"),
    ])
    .await;
    let [sub, ..] = subs(&stage).await;
    let session = stage.session().await;
    let first = code(&stage, &session, &sub).await;
    let wrong = other_than(&first);
    let guesses = (0..12).map(|_| spend(&session, &sub, &wrong));
    for answer in join_all(guesses).await {
        answer.assert_problem(400, "otp_invalid");
    }
    let late = spend(&session, &sub, &first).await;
    late.assert_problem(400, "otp_invalid");
    let second = code(&stage, &session, &sub).await;
    let racers = (0..8).map(|_| spend(&session, &sub, &second));
    let answers = join_all(racers).await;
    let won: Vec<&Answer> = answers.iter().filter(|a| a.status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    password(&stage.app, won[0]);
    for lost in answers.iter().filter(|a| a.status != 200) {
        lost.assert_problem(400, "otp_invalid");
    }
    let events = "SELECT count(*) FROM agent_outbox WHERE event_type = 'agent.sub.password_reset'";
    assert_eq!(stage.app.count(events).await, 1);
    stage.app.finish().await;
}

#[tokio::test]
async fn p033_p154_codes_are_sent_for_direct_subs_only() {
    let stage = Stage::set().await;
    let [one, _, below] = subs(&stage).await;
    let (stranger, _) = stage.other("stranger").await;
    let session = stage.session().await;
    let before = everything(&stage.app).await;
    for nobody in [&below, &stranger, &stage.agent] {
        ask(&session, nobody).await.assert_problem(404, "not_found");
        let guess = spend(&session, nobody, "123456").await;
        guess.assert_problem(404, "not_found");
    }
    // The sub cannot ask for its parent, nor has it a phone.
    let own = stage.app.session(&one, &stage.brand).await;
    ask(&own, &stage.agent)
        .await
        .assert_problem(404, "not_found");
    ask(&own, &below).await.assert_problem(409, "phone_unbound");
    assert_eq!(everything(&stage.app).await, before);
    assert!(stage.app.sms().messages().is_empty());
    for body in [json!({}), json!({ "otp": null }), json!({ "otp": "" })] {
        let lacking = session.post(&path(&one), &body).await;
        lacking.assert_problem(422, "validation_failed");
    }
    stage.app.finish().await;
}

/// Whoever has a session alone binds a phone of its own, but takes nobody over by it.
#[tokio::test]
async fn p033_q85_a_phone_that_changed_hands_without_proof_gets_no_code() {
    let stage = Stage::set().await;
    let [sub, ..] = subs(&stage).await;
    let session = stage.session().await;
    let earlier = code(&stage, &session, &sub).await;
    let new = stage.new_phone();
    let (to_new, _) = stage.phone_codes(&session, &new).await;
    let change = json!({ "phone_num": new, "code": to_new });
    let changed = session.post("/agent/edit/phone", &change).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert!(stage.cooling().await);
    let refused = ask(&session, &sub).await;
    refused.assert_problem(409, "payout_cooldown");
    // The code under way to the old phone ended with it.
    spend(&session, &sub, &earlier)
        .await
        .assert_problem(400, "otp_invalid");
    stage.app.finish().await;
}

#[tokio::test]
async fn p033_q71_without_redis_no_code_is_sent_and_one_that_was_sent_still_works() {
    let mut servers = OwnServers::start();
    let app = TestApp::on(&servers, &[]).await;
    let mut stage = Stage::over(app).await;
    let [sub, ..] = subs(&stage).await;
    {
        let session = stage.session().await;
        let code = code(&stage, &session, &sub).await;
        servers.stop_redis();
        ask(&session, &sub).await.assert_problem(503, "unavailable");
        let pin = reset(&session, sub.guid.0, "482913").await;
        // Without a payout password nothing has to be counted.
        pin.assert_problem(403, "payout_password_unset");
        spend(&session, &sub, &other_than(&code))
            .await
            .assert_problem(400, "otp_invalid");
        password(&stage.app, &spend(&session, &sub, &code).await);
    }
    servers.start_redis();
    stage.app.reconnect_redis().await;
    stage.app.finish().await;
}
