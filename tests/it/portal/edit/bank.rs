//! Replacing the payout account (P-224, Q-83, Q-85, Q-89).

use agent_testkit::Answer;
use chrono::TimeDelta;
use serde_json::json;

use super::stage::{ADD, BANK, BANK_SMS, Stage, bank_body, card_body, other_than};

#[tokio::test]
async fn p026_p027_q83_the_default_card_ends_and_the_new_account_takes_its_place() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let old = stage.app.card(&stage.agent).await;
    let number = stage.number();
    let code = stage.bank_code(&session).await;
    let mut body = bank_body(&number, &code);
    body["bank_num"] = json!(format!(
        "{} {}-{}",
        &number[..4],
        &number[4..8],
        &number[8..]
    ));
    stage.app.plant(body["bank_num"].as_str().unwrap());
    let answer = session.post(BANK, &body).await;
    let last4 = &number[12..];
    let bank = json!({ "bank": { "name": "Next Bank", "last4": last4 } });
    assert_eq!((answer.status, answer.body), (200, bank.clone()));
    stage.assert_primary(Some(&number)).await;
    let listed = session.get("/agent/bank/list").await;
    let items = listed.body["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{listed:?}");
    assert_eq!(items[0]["is_default"], true);
    assert_eq!(items[0]["holder_masked"], "S*** J***");
    assert_eq!(session.get("/agent/info").await.body["bank"], bank["bank"]);
    let ended = format!(
        "SELECT count(*) FROM agent_bank_card WHERE id = {old} AND deleted_at IS NOT NULL AND NOT is_default"
    );
    assert_eq!(stage.app.count(&ended).await, 1);
    // The code was good for one change.
    let answer = session.post(BANK, &bank_body(&stage.number(), &code)).await;
    answer.assert_problem(400, "otp_invalid");
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_orders_keep_the_card_that_they_were_made_with() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let card = stage.app.card(&stage.agent).await;
    stage.app.credit(&stage.agent, &stage.brand, "9000").await;
    session.withdrawn("600", card).await;
    let order = "SELECT md5(to_jsonb(w)::text) FROM agent_withdraw w";
    let before = stage.app.text(order).await;
    let answer = stage.change_bank(&session, &stage.number()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stage.app.text(order).await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn p224_without_a_good_code_the_payout_account_stays() {
    let stage = Stage::set().await;
    let second = stage.app.brand("b").await;
    stage.app.join(&stage.agent, &second).await;
    let session = stage.session().await;
    stage.app.card(&stage.agent).await;
    let before = stage.state().await;
    let number = stage.number();
    let refused = async |body: serde_json::Value| {
        for path in [BANK, ADD] {
            let mut body = body.clone();
            body["card_number"] = body["bank_num"].clone();
            let answer = session.post(path, &body).await;
            answer.assert_problem(400, "otp_invalid");
        }
    };
    refused(bank_body(&number, "123456")).await;
    let code = stage.bank_code(&session).await;
    refused(bank_body(&number, &other_than(&code))).await;
    refused(bank_body(&number, "x")).await;
    let (other, _) = stage.other("another").await;
    let stranger = stage.app.session(&other, &stage.brand).await;
    let answer = stranger.post(BANK, &bank_body(&number, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    let elsewhere = stage.app.session(&stage.agent, &second).await;
    let answer = elsewhere.post(BANK, &bank_body(&number, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    // A code for a phone is none for payouts.
    let (phone_code, old_code) = stage.phone_codes(&session, &stage.new_phone()).await;
    let code = stage.bank_code(&session).await;
    for wrong in [phone_code, old_code] {
        let answer = session.post(BANK, &bank_body(&number, &wrong)).await;
        answer.assert_problem(400, "otp_invalid");
    }
    // A newer code ends the older one.
    stage.bank_code(&session).await;
    refused(bank_body(&number, &code)).await;
    let code = stage.bank_code(&session).await;
    stage.app.clock.advance(TimeDelta::seconds(600));
    let answer = session.post(BANK, &bank_body(&number, &code)).await;
    answer.assert_problem(400, "otp_expired");
    assert_eq!(stage.state().await, before);
    stage.app.finish().await;
}

#[tokio::test]
async fn p224_a_code_for_one_number_is_good_for_that_one_only() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let (number, another) = (stage.number(), stage.number());
    let bound = json!({ "bank_num": number });
    let code = stage.bank_code_for(&session, &bound).await;
    let answer = session.post(BANK, &bank_body(&another, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    let answer = session.post(BANK, &bank_body(&number, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // The newest code counts, whatever it is bound to.
    let free = stage.bank_code(&session).await;
    let code = stage
        .bank_code_for(&session, &json!({ "bank_num": another }))
        .await;
    let answer = session.post(BANK, &bank_body(&another, &free)).await;
    answer.assert_problem(400, "otp_invalid");
    let newest = stage.bank_code(&session).await;
    let answer = session.post(BANK, &bank_body(&another, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    let answer = session.post(BANK, &bank_body(&another, &newest)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let expiring = json!({ "bank_num": number });
    let code = stage.bank_code_for(&session, &expiring).await;
    stage.app.clock.advance(TimeDelta::seconds(600));
    let answer = session.post(BANK, &bank_body(&number, &code)).await;
    answer.assert_problem(400, "otp_expired");
    let answer = session.post(BANK_SMS, &json!({ "bank_num": "12" })).await;
    answer.assert_problem(422, "validation_failed");
    stage.app.finish().await;
}

/// The two routes that take the code name the number differently; asking for it may use either.
#[tokio::test]
async fn p224_a_number_by_the_name_of_the_other_route_binds_the_code_too() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let (number, another) = (stage.number(), stage.number());
    let code = stage
        .bank_code_for(&session, &json!({ "card_number": number }))
        .await;
    let answer = session.post(ADD, &card_body(&another, &code)).await;
    answer.assert_problem(400, "otp_invalid");
    let answer = session.post(ADD, &card_body(&number, &code)).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let both = json!({ "bank_num": number, "card_number": another });
    let answer = session.post(BANK_SMS, &both).await;
    answer.assert_problem(422, "validation_failed");
    stage.app.finish().await;
}

/// However a code is bound, five guesses are five, and one costs one.
#[tokio::test]
async fn p224_a_wrong_guess_counts_once() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    for bound in [false, true] {
        for (wrong, status) in [(4, 200), (5, 400)] {
            let number = stage.number();
            let body = json!({ "bank_num": bound.then_some(&number) });
            let code = stage.bank_code_for(&session, &body).await;
            for _ in 0..wrong {
                let body = bank_body(&number, &other_than(&code));
                let answer = session.post(BANK, &body).await;
                answer.assert_problem(400, "otp_invalid");
            }
            let answer = session.post(BANK, &bank_body(&number, &code)).await;
            assert_eq!(answer.status, status, "{bound} {wrong}: {answer:?}");
        }
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_q89_a_number_that_another_agent_has_is_taken_in_whatever_form() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let (other, _) = stage.other("another").await;
    let card = stage.app.card(&other).await;
    let number = stage.number();
    let grouped = format!("{} {}", &number[..8], &number[8..]);
    stage.app.plant(&grouped);
    let index = stage
        .app
        .app
        .keys
        .blind_index(agent_crypto::BlindIndexKind::CardNumber, &number);
    let hex: String = index.iter().map(|byte| format!("{byte:02x}")).collect();
    let cbc = |text: &str| stage.app.app.pii.legacy_cbc_form(text).unwrap();
    let fours = format!(
        "{} {} {} {}",
        &number[..4],
        &number[4..8],
        &number[8..12],
        &number[12..]
    );
    let code = stage.bank_code(&session).await;
    for set in [
        format!("card_bidx = '\\x{hex}'"),
        format!("card_bidx = NULL, card_number = '{}'", cbc(&number)),
        format!("card_number = '{}'", cbc(&fours)),
    ] {
        let set = format!("UPDATE agent_bank_card SET {set} WHERE id = {card}");
        stage.app.as_owner(&set).await;
        let answer = session.post(BANK, &bank_body(&number, &code)).await;
        answer.assert_problem(409, "card_taken");
    }
    // A plain row, which must not be there when the probe looks.
    let set = "UPDATE agent_bank_card SET card_number = $1 WHERE id = $2";
    let set = sqlx::query(set).bind(&number).bind(card);
    set.execute(&stage.app.owner).await.unwrap();
    let answer = session.post(ADD, &card_body(&number, &code)).await;
    answer.assert_problem(409, "card_taken");
    // Gone, it is free, and the code is still good.
    let set = format!(
        "UPDATE agent_bank_card SET card_number = '{}', deleted_at = now(), is_default = false WHERE id = {card}",
        cbc(&number)
    );
    stage.app.as_owner(&set).await;
    let answer = session.post(BANK, &bank_body(&number, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_an_own_card_of_the_number_is_replaced() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let (first, second) = (stage.number(), stage.number());
    let first_id = stage.add_card(&session, &first).await;
    let second_id = stage.add_card(&session, &second).await;
    for number in [&second, &second] {
        let answer = stage.change_bank(&session, number).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        stage.assert_primary(Some(&second)).await;
        let live = "SELECT count(*) FROM agent_bank_card WHERE deleted_at IS NULL";
        assert_eq!(stage.app.count(live).await, 1);
    }
    let ended = format!(
        "SELECT count(*) FROM agent_bank_card WHERE id IN ({first_id}, {second_id}) AND deleted_at IS NOT NULL"
    );
    assert_eq!(stage.app.count(&ended).await, 2);
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_what_is_no_account_is_refused_before_the_code_is_looked_at() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let number = stage.number();
    let code = stage.bank_code(&session).await;
    for (field, value) in [
        ("bank_id", json!(9)),
        ("bank_id", json!(77)),
        ("bank_id", json!("x")),
        ("bank_id", json!(99_999_999_999_i64)),
        ("bank_num", json!("")),
        ("bank_num", json!("1234567")),
        ("bank_num", json!("４１１１１１１１１１１１")),
        ("holder_name", json!("")),
        ("holder_name", json!("   ")),
        ("holder_name", json!("=cmd|x")),
        ("holder_name", json!("12 34")),
        ("code", json!("")),
    ] {
        let mut body = bank_body(&number, &code);
        body[field] = value;
        let answer = session.post(BANK, &body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], field, "{answer:?}");
    }
    let attempts = "SELECT sum(attempts)::bigint FROM agent_recovery";
    assert_eq!(stage.app.count(attempts).await, 0);
    let answer = session.post(BANK, &bank_body(&number, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage.app.finish().await;
}

/// Old frontends send nothing, whatever they call it.
#[tokio::test]
async fn p224_a_code_may_be_asked_for_without_a_body() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    for (path, media_type, body) in [
        (BANK_SMS, None, ""),
        (BANK_SMS, Some("application/json"), ""),
        (BANK_SMS, Some("application/json"), "{}"),
        (BANK_SMS, Some("application/json"), "null"),
        (BANK_SMS, Some("application/json"), r#"{"bank_num":null}"#),
        (BANK_SMS, Some("application/x-www-form-urlencoded"), ""),
        ("/user/edit/bank/send-sms", None, ""),
        ("/user/edit/bank/send-sms", Some("application/json"), "{}"),
        (
            "/user/edit/bank/send-sms",
            Some("application/x-www-form-urlencoded"),
            "",
        ),
        (
            "/user/edit/bank/send-sms",
            Some("application/x-www-form-urlencoded"),
            "a=b",
        ),
        // A field that was left empty.
        (
            "/user/edit/bank/send-sms",
            Some("application/x-www-form-urlencoded"),
            "bank_num=",
        ),
    ] {
        let mut request = session.request("POST", path);
        if let Some(media_type) = media_type {
            request = request.header("Content-Type", media_type);
        }
        let answer = Answer::of(request.body(body)).await;
        assert_eq!(
            answer.status, 200,
            "{path} {media_type:?} {body}: {answer:?}"
        );
        assert_eq!(answer.body, json!({ "sent": true, "expires_in": 600 }));
    }
    for (media_type, body, status) in [
        ("application/json", "{", 400),
        ("application/json", "[]", 422),
        ("application/json", r#"{"bank_num":1}"#, 422),
        ("application/json", r#"{"bank_num":""}"#, 422),
        ("text/plain", "a", 415),
        ("application/x-www-form-urlencoded", "a=b", 415),
    ] {
        let request = session.request("POST", BANK_SMS);
        let request = request.header("Content-Type", media_type).body(body);
        assert_eq!(
            Answer::of(request).await.status,
            status,
            "{media_type} {body}"
        );
    }
    stage.app.finish().await;
}

#[tokio::test]
async fn q71_codes_for_payout_accounts_are_few() {
    let stage = Stage::with(&[]).await;
    let session = stage.session().await;
    for _ in 0..5 {
        stage.bank_code(&session).await;
    }
    let answer = session.post(BANK_SMS, &json!({})).await;
    answer.assert_problem(429, "rate_limited");
    stage.app.finish().await;
}

#[tokio::test]
async fn q83_without_a_phone_no_code_and_no_account() {
    let stage = Stage::set().await;
    let agent = stage.app.agent("phoneless", &[&stage.brand]).await;
    let session = stage.app.session(&agent, &stage.brand).await;
    let number = stage.number();
    for (path, body) in [
        (BANK_SMS, json!({})),
        (BANK, bank_body(&number, "123456")),
        (ADD, card_body(&number, "123456")),
    ] {
        let answer = session.post(path, &body).await;
        answer.assert_problem(409, "phone_unbound");
    }
    assert_eq!(stage.app.sms().messages(), []);
    stage.app.finish().await;
}
