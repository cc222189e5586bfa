//! Rows as the old service wrote them, and phones of more than one account.

use agent_crypto::{AesIv, AesKey, pii::legacy_fixture};
use serde_json::json;

use super::stage::*;

/// Stores a phone without an index.
async fn store(stage: &Stage, phone: &str) {
    sqlx::query("UPDATE agent SET phone_num = $1, phone_bidx = NULL WHERE username = 'forgetful'")
        .bind(phone)
        .execute(&stage.app.owner)
        .await
        .unwrap();
}

fn cbc(stage: &Stage, plain: &str) -> String {
    let environment = stage.app.environment();
    let key: AesKey = environment["AES_KEY"].parse().unwrap();
    let iv: AesIv = environment["AES_IV"].parse().unwrap();
    legacy_fixture::encrypt_cbc(&key, &iv, plain)
}

/// Recovery by phone, by name, and in one step, each to the one number.
async fn assert_found(stage: &Stage, what: &str) {
    for body in [
        json!({ "contact": PHONE }),
        json!({ "contact": NATIONAL }),
        stage.by_name(),
    ] {
        let id = request_id(&stage.ask(REQUEST, &body).await);
        assert_eq!(stage.last_outcome().await, "REQUEST SUCCESS -", "{what}");
        let code = stage.app.sms().wait_for(PHONE).await.code();
        assert_eq!(stage.verify(&id, &code).await.status, 200, "{what}");
    }
    let code = stage.sent().await;
    assert_eq!(stage.forget(&code).await.status, 204, "{what}");
    let hash = stage.sha256(PHONE).await;
    let rows = stage.audit().await;
    assert!(
        rows.iter().all(|row| row["contact_hash"] == hash.as_str()),
        "{what}"
    );
}

#[tokio::test]
async fn q89_phones_of_the_older_cipher_are_found_in_every_old_spelling() {
    for spelling in ["+66812345678", "66812345678", "0812345678", "812345678"] {
        let stage = Stage::set().await;
        stage.app.plant("66812345678");
        store(&stage, &cbc(&stage, spelling)).await;
        assert_found(&stage, spelling).await;
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn q89_phones_in_clear_are_found_in_every_old_spelling() {
    for spelling in ["+66812345678", "66812345678", "0812345678", "812345678"] {
        let stage = Stage::set().await;
        stage.app.plant("66812345678");
        store(&stage, spelling).await;
        assert_found(&stage, spelling).await;
        // The old row held it in clear; nothing else may.
        stage.execute("UPDATE agent SET phone_num = NULL").await;
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn q89_addresses_of_the_older_cipher_are_found() {
    let stage = Stage::set().await;
    let email = "owner@example.com";
    stage.app.plant(email);
    sqlx::query("UPDATE agent SET email = $1, phone_num = NULL, phone_bidx = NULL")
        .bind(cbc(&stage, email))
        .execute(&stage.app.owner)
        .await
        .unwrap();
    stage
        .ask(REQUEST, &json!({ "contact": " Owner@Example.COM" }))
        .await;
    assert_eq!(
        stage.last_outcome().await,
        "REQUEST REJECTED EMAIL_UNPROVISIONED"
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn q89_an_address_leads_to_the_phone_of_its_account() {
    let stage = Stage::set().await;
    let email = "owner@example.com";
    stage.app.plant(email);
    give_only_email(&stage.app, &stage.agent, email).await;
    give_phone(&stage.app, &stage.agent, PHONE).await;
    let id = request_id(&stage.ask(REQUEST, &json!({ "contact": email })).await);
    let code = stage.app.sms().wait_for(PHONE).await.code();
    assert_eq!(stage.verify(&id, &code).await.status, 200);
    stage.app.finish().await;
}

#[tokio::test]
async fn q89_a_shared_phone_is_nobodys_in_whatever_shapes_it_is_stored() {
    for shape in ["v1", "cbc", "cbc national", "plain"] {
        let stage = Stage::set().await;
        stage.app.plant("66812345678");
        let twin = stage.app.agent("twin", &[&stage.brand]).await;
        give_phone(&stage.app, &twin, PHONE).await;
        match shape {
            "cbc" => store(&stage, &cbc(&stage, PHONE)).await,
            "cbc national" => store(&stage, &cbc(&stage, "0812345678")).await,
            "plain" => store(&stage, "0812345678").await,
            _ => {}
        }
        let answer = stage.ask(REQUEST, &json!({ "contact": PHONE })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(
            stage.last_outcome().await,
            "REQUEST REJECTED UNKNOWN_ACCOUNT",
            "{shape}"
        );
        // By its name each is itself.
        let (id, code) = stage.requested().await;
        assert_eq!(stage.verify(&id, &code).await.status, 200, "{shape}");
        assert_eq!(stage.messages().await, 1, "{shape}");
        stage.execute("UPDATE agent SET phone_num = NULL").await;
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn q89_q20_a_shared_address_is_nobodys() {
    let stage = Stage::set().await;
    let email = "both@example.com";
    stage.app.plant(email);
    let twin = stage.app.agent("twin", &[&stage.brand]).await;
    give_only_email(&stage.app, &stage.agent, email).await;
    give_only_email(&stage.app, &twin, email).await;
    stage.ask(REQUEST, &json!({ "contact": email })).await;
    assert_eq!(
        stage.last_outcome().await,
        "REQUEST REJECTED UNKNOWN_ACCOUNT"
    );
    stage.app.finish().await;
}

#[tokio::test]
async fn q21_with_a_pepper_no_row_holds_the_plain_hash() {
    let stage = Stage::with(&[("CONTACT_HASH_PEPPER", "pepper of this test")]).await;
    let plain = stage.sha256(PHONE).await;
    let (id, code) = stage.requested().await;
    assert_eq!(stage.verify(&id, &code).await.status, 200);
    for row in stage.audit().await {
        let hash = row["contact_hash"].as_str().unwrap();
        assert_eq!(hash.len(), 64);
        assert_ne!(hash, plain);
    }
    assert!(!stage.app.logs.text().contains(&plain[..8]));
    stage.app.finish().await;
}

/// A number without its country is nobody's where the agent's brands are in several: on each of
/// their hosts it would be another person's phone.
#[tokio::test]
async fn q89_a_national_number_of_an_agent_in_two_countries_gets_no_code() {
    for national in [true, false] {
        let stage = Stage::set().await;
        stage.app.plant("63812345678");
        let abroad = stage.app.brand("b").await;
        let statement = "UPDATE brand SET phone_country = '63' WHERE code = 'b'";
        stage.execute(statement).await;
        stage.app.allow(&stage.agent, &abroad, "enabled").await;
        let stored = if national { "0812345678" } else { PHONE };
        store(&stage, &cbc(&stage, stored)).await;
        let strangers = json!({ "contact": "+63812345678" });
        let reason = if national {
            "CONTACT_UNREADABLE"
        } else {
            "UNKNOWN_ACCOUNT"
        };
        stage.ask_under(&abroad.host, REQUEST, &strangers).await;
        assert_eq!(
            stage.last_outcome().await,
            format!("REQUEST REJECTED {reason}")
        );
        for host in [&stage.brand.host, &abroad.host] {
            let answer = stage.ask_under(host, REQUEST, &stage.by_name()).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            let expected = if national {
                "REJECTED CONTACT_UNREADABLE"
            } else {
                "SUCCESS -"
            };
            assert_eq!(stage.last_outcome().await, format!("REQUEST {expected}"));
        }
        stage.messages().await;
        let messages = stage.app.sms().messages();
        assert!(
            messages.iter().all(|message| message.to == PHONE),
            "{messages:?}"
        );
        assert_eq!(messages.len(), if national { 0 } else { 2 });
        stage.app.finish().await;
    }
}

/// A code that was made while the phone was being changed went to the old one: whoever holds that
/// gains nothing by it.
#[tokio::test]
async fn q85_a_code_that_went_to_the_phone_of_before_is_none() {
    let stage = Stage::set().await;
    let (id, code) = stage.requested().await;
    // As another program, or a change under way, leaves it: the code itself is not ended.
    give_phone(&stage.app, &stage.agent, "+66898765432").await;
    let answer = stage.verify(&id, &code).await;
    answer.assert_problem(400, "otp_invalid");
    assert_eq!(
        stage.last_outcome().await,
        "VERIFY REJECTED CONTACT_MISMATCH"
    );
    stage.app.finish().await;
}

/// A membership that ended does not change what an old number meant.
#[tokio::test]
async fn q89_a_national_number_stays_ambiguous_when_a_brand_is_switched_off() {
    let stage = Stage::set().await;
    stage.app.plant("63812345678");
    let abroad = stage.app.brand("b").await;
    stage
        .execute("UPDATE brand SET phone_country = '63' WHERE code = 'b'")
        .await;
    stage.app.allow(&stage.agent, &abroad, "enabled").await;
    stage
        .app
        .allow(&stage.agent, &stage.brand, "disabled")
        .await;
    store(&stage, &cbc(&stage, "0812345678")).await;
    let strangers = json!({ "contact": "+63812345678" });
    for body in [strangers, stage.by_name()] {
        stage.ask_under(&abroad.host, REQUEST, &body).await;
        assert_eq!(
            stage.last_outcome().await,
            "REQUEST REJECTED CONTACT_UNREADABLE"
        );
    }
    assert_eq!(stage.messages().await, 0);
    stage.app.finish().await;
}
