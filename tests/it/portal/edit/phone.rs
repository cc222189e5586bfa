//! Codes for a new phone, and what they are good for (P-224, Q-85).

use agent_testkit::{Answer, SmsMode};
use chrono::TimeDelta;
use serde_json::json;

use super::stage::{BANK, PHONE, PHONE_SMS, Stage, bank_body, other_than, phone_body};

#[tokio::test]
async fn p024_p025_q01_p216_a_phone_is_changed_by_the_code_sent_to_it() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let new = stage.new_phone();
    // As its owner would type it.
    let national = format!("0{}-{}", &new[3..6], &new[6..]);
    stage.app.plant(&national);
    let asked = session
        .post(PHONE_SMS, &json!({ "phone_num": national }))
        .await;
    assert_eq!(asked.body, json!({ "sent": true, "expires_in": 600 }));
    let to_new = stage.app.sms().wait_for(&new).await;
    let to_old = stage.app.sms().wait_for(&stage.phone).await;
    assert_ne!(to_new.code(), to_old.code());
    let told = format!(
        "change the phone of your account to the one that ends in {}",
        &new[8..]
    );
    assert!(to_old.text.contains(&told), "{}", to_old.text);
    let answer = session
        .post(PHONE, &phone_body(&national, &to_new.code()))
        .await;
    let masked = format!("***{}", &new[8..]);
    assert_eq!(
        (answer.status, answer.body),
        (200, json!({ "phone_masked": masked }))
    );
    let info = session.get("/agent/info").await;
    assert_eq!(info.body["phone_masked"], json!(masked));
    let stored = stage
        .app
        .text("SELECT phone_num FROM agent WHERE username = 'owner'")
        .await;
    assert!(stored.starts_with("aesgcm:v1:"));
    stage.app.finish().await;
}

#[tokio::test]
async fn p224_without_a_good_code_the_phone_stays() {
    let stage = Stage::set().await;
    let second = stage.app.brand("b").await;
    stage.app.join(&stage.agent, &second).await;
    let session = stage.session().await;
    let before = stage.state().await;
    let new = stage.new_phone();
    let refused = async |body: serde_json::Value| {
        let answer = session.post(PHONE, &body).await;
        answer.assert_problem(400, "otp_invalid");
    };
    refused(phone_body(&new, "123456")).await;
    let (code, old_code) = stage.phone_codes(&session, &new).await;
    for odd in [&other_than(&code), "", "x", "１２３４５６", &old_code] {
        let answer = session.post(PHONE, &phone_body(&new, odd)).await;
        assert!(matches!(answer.status, 400 | 422), "{odd}: {answer:?}");
    }
    // For another phone, by another agent, on another brand.
    refused(phone_body(&stage.new_phone(), &code)).await;
    let (other, _) = stage.other("another").await;
    let stranger = stage.app.session(&other, &stage.brand).await;
    let answer = stranger.post(PHONE, &phone_body(&new, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    let elsewhere = stage.app.session(&stage.agent, &second).await;
    let answer = elsewhere.post(PHONE, &phone_body(&new, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    // Of another purpose.
    let bank = stage.bank_code(&session).await;
    refused(phone_body(&new, &bank)).await;
    // A newer code ends the older one, also for another phone.
    let (code, _) = stage.phone_codes(&session, &new).await;
    let newer = stage.new_phone();
    let (last, _) = stage.phone_codes(&session, &newer).await;
    refused(phone_body(&new, &code)).await;
    assert_eq!(stage.state().await, before);
    let answer = session.post(PHONE, &phone_body(&newer, &last)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    refused(phone_body(&newer, &last)).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn p224_an_expired_code_is_named_as_such_and_changes_nothing() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let before = stage.state().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    stage.app.clock.advance(TimeDelta::seconds(600));
    let answer = session.post(PHONE, &phone_body(&new, &code)).await;
    answer.assert_problem(400, "otp_expired");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn p224_five_guesses_end_a_code() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    for _ in 0..5 {
        let answer = session
            .post(PHONE, &phone_body(&new, &other_than(&code)))
            .await;
        answer.assert_problem(400, "otp_invalid");
    }
    let answer = session.post(PHONE, &phone_body(&new, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    stage.app.finish().await;
}

#[tokio::test]
async fn p224_what_is_no_phone_is_refused() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    for odd in ["", "12", "abc", "+66 8x", "0８12345678", &"1".repeat(33)] {
        for (path, body) in [
            (PHONE_SMS, json!({ "phone_num": odd })),
            (PHONE, phone_body(odd, "123456")),
        ] {
            let answer = session.post(path, &body).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["field"], "phone_num", "{odd}");
        }
    }
    assert_eq!(stage.app.sms().messages(), []);
    stage.app.finish().await;
}

/// A new phone makes everything void that was sent to the old one.
#[tokio::test]
async fn q85_codes_under_way_to_the_old_phone_die_with_it() {
    let stage = Stage::with(&[
        ("RECOVERY_ANSWER_MILLISECONDS", "0"),
        ("CODE_SENDS_PER_CONTACT", "1000"),
    ])
    .await;
    let session = stage.session().await;
    let named = json!({ "account": stage.agent.username });
    let asked = stage
        .app
        .request("POST", &stage.brand.host, "/agent/recovery/request");
    let recovery = Answer::of(asked.json(&named)).await;
    let recovery_code = stage.app.sms().wait_for(&stage.phone).await.code();
    let bank_code = stage.bank_code(&session).await;
    let new = stage.new_phone();
    let (code, old_code) = stage.phone_codes(&session, &new).await;
    let mut body = phone_body(&new, &code);
    body["old_code"] = json!(old_code);
    let answer = session.post(PHONE, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let verify = json!({ "request_id": recovery.body["request_id"], "code": recovery_code });
    let asked = stage
        .app
        .request("POST", &stage.brand.host, "/agent/recovery/verify");
    let answer = Answer::of(asked.json(&verify)).await;
    answer.assert_problem(400, "otp_invalid");
    let body = bank_body(&stage.number(), &bank_code);
    let answer = session.post(BANK, &body).await;
    answer.assert_problem(400, "otp_invalid");
    stage.app.finish().await;
}

#[tokio::test]
async fn q89_a_phone_that_another_agent_has_is_accepted() {
    let stage = Stage::set().await;
    let (_, phone) = stage.other("another").await;
    let session = stage.session().await;
    let (code, _) = stage.phone_codes(&session, &phone).await;
    let answer = session.post(PHONE, &phone_body(&phone, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_codes_for_one_phone_are_few_and_the_bound_phone_counts_too() {
    let stage = Stage::with(&[("CODE_SENDS_PER_SOURCE", "1000")]).await;
    let session = stage.session().await;
    for _ in 0..5 {
        let new = stage.new_phone();
        stage.phone_codes(&session, &new).await;
    }
    // The new phone got none yet; the bound one got five.
    let new = stage.new_phone();
    let answer = session.post(PHONE_SMS, &json!({ "phone_num": new })).await;
    answer.assert_problem(429, "rate_limited");
    assert!(answer.headers.contains_key("retry-after"));
    let audited = stage.actions().await.len();
    assert_eq!((stage.app.sms().messages().len(), audited), (10, 5));
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_codes_asked_for_from_one_address_are_few() {
    let stage = Stage::with(&[
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_SOURCE", "3"),
    ])
    .await;
    let session = stage.session().await;
    for _ in 0..3 {
        let new = stage.new_phone();
        stage.phone_codes(&session, &new).await;
    }
    let body = json!({ "phone_num": stage.new_phone() });
    let answer = session.post(PHONE_SMS, &body).await;
    answer.assert_problem(429, "rate_limited");
    stage.app.finish().await;
}

/// What the provider does is no matter of the client's (P-212).
#[tokio::test]
async fn p210_p211_p212_messages_that_are_not_sent_are_counted_and_logged_by_hash() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    stage.app.sms().set_mode(SmsMode::Status(500));
    let new = stage.new_phone();
    stage.phone_codes(&session, &new).await;
    stage.bank_code(&session).await;
    let failed = &stage.app.metrics.recovery_sms_delivery_failed_total;
    for _ in 0..1000 {
        if failed.get() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!(failed.get(), 3);
    let hash = |phone: &str| stage.app.app.contacts.hash(phone).short().to_owned();
    let logs = stage.app.logs.text();
    for phone in [&new, &stage.phone] {
        let line = format!("SMS not sent: contact_hash={}", hash(phone));
        assert!(logs.contains(&line), "{line} is not in the log");
    }
    let rendered = stage.app.metrics.render();
    let series = r#"recovery_sms_delivery_failed_total{service="agent_service"} 3"#;
    assert!(rendered.contains(series), "{rendered}");
    stage.app.finish().await;
}

#[tokio::test]
async fn p210_p211_a_change_is_logged_by_the_hash_of_the_contact() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let number = stage.number();
    let answer = stage.change_bank(&session, &number).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    session.post(PHONE, &phone_body(&new, &code)).await;
    let logs = stage.app.logs.text();
    for (what, phone) in [
        ("payout account changed", &stage.phone),
        ("phone changed", &new),
    ] {
        let hash = stage.app.app.contacts.hash(phone);
        let line = format!("{what}: contact_hash={}\"", hash.short());
        assert!(logs.contains(&line), "{line} is not in the log");
    }
    // That nothing else is said of phones, codes and numbers is what `finish` looks for.
    stage.app.finish().await;
}

#[tokio::test]
async fn p223_codes_are_shown_for_tests_only_where_that_was_asked_for() {
    for (switch, shown) in [("on", true), ("off", false)] {
        let stage = Stage::with(&[("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", switch)]).await;
        let session = stage.session().await;
        let new = stage.new_phone();
        let (code, old_code) = stage.phone_codes(&session, &new).await;
        let bank_code = stage.bank_code(&session).await;
        let logs = stage.app.logs.text();
        for (phone, code) in [
            (&new, &code),
            (&stage.phone, &old_code),
            (&stage.phone, &bank_code),
        ] {
            assert_eq!(
                logs.contains(&format!("tel={phone} code={code}")),
                shown,
                "{switch}"
            );
        }
        stage.app.finish().await;
    }
}

/// A session that knows the bound phone sends one code, which then says all.
#[tokio::test]
async fn q85_the_same_phone_may_be_bound_anew() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let body = json!({ "phone_num": stage.phone });
    assert_eq!(session.post(PHONE_SMS, &body).await.status, 200);
    let code = stage.app.sms().wait_for(&stage.phone).await.code();
    let answer = session.post(PHONE, &phone_body(&stage.phone, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!stage.cooling().await);
    stage
        .app
        .app
        .sms
        .drain(std::time::Duration::from_secs(5))
        .await;
    assert_eq!(stage.app.sms().messages().len(), 1);
    stage.app.finish().await;
}

/// Whoever may bind any phone could ask by the limit whose phone it is.
#[tokio::test]
async fn q71_a_limit_that_recovery_filled_does_not_tell_whose_phone_it_is() {
    let stage = Stage::with(&[("CODE_SENDS_PER_SOURCE", "1000")]).await;
    for _ in 0..5 {
        let named = json!({ "account": stage.agent.username });
        let host = &stage.brand.host;
        let asked = stage.app.request("POST", host, "/agent/recovery/request");
        assert_eq!(Answer::of(asked.json(&named)).await.status, 200);
    }
    let (other, _) = stage.other("nosy").await;
    let session = stage.app.session(&other, &stage.brand).await;
    let body = json!({ "phone_num": stage.phone });
    let answer = session.post(PHONE_SMS, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage
        .app
        .app
        .sms
        .drain(std::time::Duration::from_secs(5))
        .await;
    let messages = stage.app.sms().messages();
    assert_eq!(messages.len(), 5, "{messages:?}");
    stage.app.finish().await;
}
