//! Who agreed to a change of phone.

use agent_crypto::PiiColumn;
use serde_json::json;

use super::stage::{BANK, BANK_SMS, PHONE, PHONE_SMS, Stage, bank_body, other_than, phone_body};

async fn old_phone_is_told(stage: &Stage, new: &str) {
    let told = stage.app.sms().wait_for(&stage.phone).await;
    let what = format!(
        "the phone of your account was changed to the one that ends in {}",
        &new[8..]
    );
    assert!(told.text.contains(&what), "{}", told.text);
}

#[tokio::test]
async fn q85_proven_by_the_old_phone_payout_accounts_stay_open() {
    let mut stage = Stage::set().await;
    let new = stage.new_phone();
    {
        let session = stage.session().await;
        let (code, old_code) = stage.phone_codes(&session, &new).await;
        let mut body = phone_body(&new, &code);
        body["old_code"] = json!(old_code);
        let answer = session.post(PHONE, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!stage.cooling().await);
        old_phone_is_told(&stage, &new).await;
    }
    stage.phone = new;
    {
        let session = stage.session().await;
        let answer = stage.change_bank(&session, &stage.number()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_proven_by_the_login_password_payout_accounts_stay_open() {
    let mut stage = Stage::set().await;
    let new = stage.new_phone();
    {
        let session = stage.session().await;
        let (code, _) = stage.phone_codes(&session, &new).await;
        let mut body = phone_body(&new, &code);
        body["password"] = json!(stage.agent.password);
        let answer = session.post(PHONE, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(!stage.cooling().await);
        old_phone_is_told(&stage, &new).await;
    }
    stage.phone = new;
    {
        let session = stage.session().await;
        let answer = stage.change_bank(&session, &stage.number()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_proven_by_nobody_it_is_accepted_and_locks_payout_accounts() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    let answer = session.post(PHONE, &phone_body(&new, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(stage.cooling().await);
    old_phone_is_told(&stage, &new).await;
    let answer = session.post(BANK_SMS, &json!({})).await;
    answer.assert_problem(409, "payout_cooldown");
    stage.app.finish().await;
}

/// With a stolen session the first phone would otherwise open the payout accounts at once.
#[tokio::test]
async fn q85_the_first_phone_locks_payout_accounts_unless_the_password_is_given() {
    let stage = Stage::set().await;
    for (name, with_password) in [("newcomer", false), ("knower", true)] {
        let agent = stage.app.agent(name, &[&stage.brand]).await;
        let session = stage.app.session(&agent, &stage.brand).await;
        let answer = session.post(BANK_SMS, &json!({})).await;
        answer.assert_problem(409, "phone_unbound");
        let new = stage.new_phone();
        let asked = session.post(PHONE_SMS, &json!({ "phone_num": new })).await;
        assert_eq!(asked.status, 200, "{asked:?}");
        let mut body = phone_body(&new, &stage.app.sms().wait_for(&new).await.code());
        if with_password {
            body["password"] = json!(agent.password);
        }
        let answer = session.post(PHONE, &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer = session.post(BANK_SMS, &json!({})).await;
        if with_password {
            assert_eq!(answer.status, 200, "{answer:?}");
        } else {
            answer.assert_problem(409, "payout_cooldown");
        }
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_a_wrong_proof_is_refused_and_costs_no_guess_of_the_new_code() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let before = stage.state().await;
    let new = stage.new_phone();
    let (code, old_code) = stage.phone_codes(&session, &new).await;
    let attempts = "SELECT coalesce(sum(attempts), 0)::bigint FROM agent_recovery WHERE purpose = ";
    let guessed = async |purpose: &str| stage.app.count(&format!("{attempts}'{purpose}'")).await;
    let mut body = phone_body(&new, &code);
    for wrong in [&other_than(&old_code), &code] {
        body["old_code"] = json!(wrong);
        let answer = session.post(PHONE, &body).await;
        answer.assert_problem(400, "otp_invalid");
    }
    // A wrong old code is not mended by the password.
    body["password"] = json!(stage.agent.password);
    let answer = session.post(PHONE, &body).await;
    answer.assert_problem(400, "otp_invalid");
    let mut body = phone_body(&new, &code);
    body["password"] = json!("not the password");
    let answer = session.post(PHONE, &body).await;
    answer.assert_problem(401, "invalid_credentials");
    assert_eq!(guessed("edit_phone").await, 0);
    assert_eq!(guessed("edit_phone_old").await, 3);
    assert_eq!(stage.state().await, before);
    let mut body = phone_body(&new, &code);
    body["old_code"] = json!(old_code);
    let answer = session.post(PHONE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_q86_the_password_is_guessed_under_the_limits_of_signing_in() {
    let stage = Stage::with(&[("LOGIN_FAILURES_PER_USERNAME", "3")]).await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    let mut body = phone_body(&new, &code);
    for _ in 0..3 {
        body["password"] = json!("not the password");
        let answer = session.post(PHONE, &body).await;
        answer.assert_problem(401, "invalid_credentials");
    }
    body["password"] = json!(stage.agent.password);
    let answer = session.post(PHONE, &body).await;
    answer.assert_problem(429, "rate_limited");
    stage.app.finish().await;
}

#[tokio::test]
async fn q85_a_proven_change_does_not_end_a_cooldown() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    session.post(PHONE, &phone_body(&new, &code)).await;
    assert!(stage.cooling().await);
    let third = stage.new_phone();
    let asked = session
        .post(PHONE_SMS, &json!({ "phone_num": third }))
        .await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let mut body = phone_body(&third, &stage.app.sms().wait_for(&third).await.code());
    // Whoever took the account over holds the second phone.
    body["old_code"] = json!(stage.app.sms().wait_for(&new).await.code());
    let answer = session.post(PHONE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(stage.cooling().await);
    let body = bank_body(&stage.number(), "123456");
    let answer = session.post(BANK, &body).await;
    answer.assert_problem(409, "payout_cooldown");
    stage.app.finish().await;
}

/// Rows of the old service: its cipher, a national spelling.
#[tokio::test]
async fn q85_q89_a_phone_of_an_old_row_is_sent_its_code() {
    let stage = Stage::set().await;
    let national = format!("0{}", &stage.phone[3..]);
    stage.app.plant(&national);
    let old = stage.app.app.pii.legacy_cbc_form(&national).unwrap();
    let set = format!(
        "UPDATE agent SET phone_num = '{old}', phone_bidx = NULL WHERE guid = {}",
        stage.agent.guid
    );
    stage.app.as_owner(&set).await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, old_code) = stage.phone_codes(&session, &new).await;
    let mut body = phone_body(&new, &code);
    body["old_code"] = json!(old_code);
    let answer = session.post(PHONE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let stored = stage
        .app
        .text("SELECT phone_num FROM agent WHERE username = 'owner' AND phone_bidx IS NOT NULL")
        .await;
    let plain = stage.app.app.pii.decrypt(PiiColumn::Phone, &stored);
    assert_eq!(plain.unwrap().as_str(), new);
    stage.app.finish().await;
}

/// A damaged phone cannot prove anything, and cannot lock its owner out.
#[tokio::test]
async fn q85_q89_a_phone_that_cannot_be_read_can_be_replaced() {
    let stage = Stage::set().await;
    stage
        .app
        .set_agent(&stage.agent, "phone_num", "aesgcm:v1:damaged")
        .await;
    let session = stage.session().await;
    let answer = session.post(BANK_SMS, &json!({})).await;
    answer.assert_problem(409, "phone_unbound");
    let new = stage.new_phone();
    let asked = session.post(PHONE_SMS, &json!({ "phone_num": new })).await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let mut body = phone_body(&new, &stage.app.sms().wait_for(&new).await.code());
    body["password"] = json!(stage.agent.password);
    let answer = session.post(PHONE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!stage.cooling().await);
    stage.app.finish().await;
}

/// A bound phone without its country is another person's on a host of another country: neither a
/// code nor a notice goes there, and the password is the only proof.
#[tokio::test]
async fn q85_q89_no_stranger_gets_the_code_of_an_old_national_number() {
    let stage = Stage::set().await;
    let abroad = stage.app.brand("b").await;
    stage.app.allow(&stage.agent, &abroad, "enabled").await;
    let national = format!("0{}", &stage.phone[3..]);
    let stored = stage.app.app.pii.encrypt(PiiColumn::Phone, &national);
    sqlx::query("UPDATE agent SET phone_num = $1, phone_bidx = NULL WHERE guid = $2")
        .bind(stored.unwrap())
        .bind(stage.agent.guid.0)
        .execute(&stage.app.owner)
        .await
        .unwrap();
    stage
        .app
        .as_owner("UPDATE brand SET phone_country = '63' WHERE code = 'b'")
        .await;
    let new = stage.new_phone();
    let session = stage.app.session(&stage.agent, &abroad).await;
    let answer = session.post(PHONE_SMS, &json!({ "phone_num": new })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let code = stage.app.sms().wait_for(&new).await.code();
    let answer = session.post(PHONE, &phone_body(&new, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(stage.cooling().await);
    stage
        .app
        .app
        .sms
        .drain(std::time::Duration::from_secs(5))
        .await;
    let messages = stage.app.sms().messages();
    assert!(
        messages.iter().all(|message| message.to == new),
        "{messages:?}"
    );
    stage.app.finish().await;
}
