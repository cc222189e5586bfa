//! What changed between the first look at an account and its lock counts.

use agent_testkit::Answer;
use serde_json::{Value, json};

use super::stage::{BANK_SMS, PHONE, PHONE_SMS, PIN, Stage, phone_body};

/// Sends a request while the agent's row is held by a transaction that sets columns, which
/// commits as soon as the request waits for it.
async fn beside(stage: &Stage, assignment: &str, path: &str, body: &Value) -> Answer {
    let session = stage.session().await;
    let mut tx = stage.app.owner.begin().await.unwrap();
    let guid = stage.agent.guid;
    let set = format!("UPDATE agent SET {assignment} WHERE guid = {guid}");
    let set = sqlx::AssertSqlSafe(set);
    sqlx::raw_sql(set).execute(&mut *tx).await.unwrap();
    let commit_once_awaited = async {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        for _ in 0..200 {
            if stage.app.count(waiting).await > 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        assert_eq!(stage.app.count(waiting).await, 1, "nothing waits");
        tx.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(session.post(path, body), commit_once_awaited);
    answer
}

/// The same hash of the same password, written anew: what was proven is proven no more.
const OTHER_PASSWORD: &str = "password_hash = password_hash || '!'";

#[tokio::test]
async fn q85_a_password_that_changes_meanwhile_proves_nothing() {
    let stage = Stage::set().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&stage.session().await, &new).await;
    let mut body = phone_body(&new, &code);
    body["password"] = json!(stage.agent.password);
    let before = stage.state().await;
    let answer = beside(&stage, OTHER_PASSWORD, PHONE, &body).await;
    answer.assert_problem(409, "conflict");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn q100_a_password_that_changes_meanwhile_sets_no_payout_password() {
    let stage = Stage::set().await;
    let body = json!({ "password": stage.agent.password, "payout_password": PIN });
    let before = stage.state().await;
    let path = "/agent/edit/payout_password";
    let answer = beside(&stage, OTHER_PASSWORD, path, &body).await;
    answer.assert_problem(409, "conflict");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_q100_cards_are_judged_by_what_the_lock_shows() {
    let stage = Stage::set().await;
    stage.app.payout_password(&stage.agent, PIN).await;
    stage.app.card(&stage.agent).await;
    let card = stage.app.card(&stage.agent).await;
    let cards = "SELECT string_agg(to_jsonb(c)::text, '' ORDER BY id) FROM agent_bank_card c";
    let before = stage.app.text(cards).await;
    let pin = json!({ "payout_password": PIN });
    for (assignment, code) in [
        ("payout_cooldown_since = now()", "payout_cooldown"),
        (
            "payout_cooldown_since = NULL, payout_password_hash = payout_password_hash || '!'",
            "conflict",
        ),
    ] {
        for what in ["default", "remove"] {
            let undo = "UPDATE agent SET payout_cooldown_since = NULL, \
                        payout_password_hash = rtrim(payout_password_hash, '!')";
            stage.app.as_owner(undo).await;
            let path = format!("/agent/bank/{card}/{what}");
            let answer = beside(&stage, assignment, &path, &pin).await;
            answer.assert_problem(409, code);
        }
    }
    assert_eq!(stage.app.text(cards).await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_no_code_goes_to_a_phone_that_is_bound_no_more() {
    let stage = Stage::set().await;
    let new = stage.new_phone();
    for (path, body) in [
        (PHONE_SMS, json!({ "phone_num": new })),
        (BANK_SMS, json!({})),
    ] {
        let assignment = "phone_num = phone_num || '!'";
        let answer = beside(&stage, assignment, path, &body).await;
        answer.assert_problem(409, "conflict");
        let undo = "UPDATE agent SET phone_num = rtrim(phone_num, '!')";
        stage.app.as_owner(undo).await;
    }
    assert_eq!(stage.app.sms().messages(), []);
    assert_eq!(stage.actions().await, [""; 0]);
    stage.app.finish().await;
}
