//! What logs tell of a code on its way (P-199 … P-203, P-210 … P-212, P-223).

use agent_testkit::{SmsMode, process::free_address};
use serde_json::json;

use super::stage::*;

/// Neither phone nor code nor whole hash, in log and metrics; the short hash where it is due.
async fn assert_silent(stage: &Stage, contact: &str, codes: &[String]) {
    let hash = stage.sha256(contact).await;
    let (log, metrics) = (stage.app.logs.text(), stage.app.metrics.render());
    for place in [&log, &metrics] {
        for secret in [contact, contact.trim_start_matches('+'), "812345678"] {
            assert!(!place.contains(secret), "{place}");
        }
        assert!(!place.contains(&hash[..9]), "{place}");
        for code in codes {
            let alone = place.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            assert!(!alone.into_iter().any(|word| word == code), "{place}");
        }
    }
    let short = format!("contact_hash={}", &hash[..8]);
    let field = format!("\"contact_hash\":\"{}\"", &hash[..8]);
    assert!(log.contains(&short) || log.contains(&field), "{log}");
}

/// Both ways ask for a code; tells how often the failure was counted.
async fn deliver(overrides: &[(&str, &str)], mode: SmsMode) -> u64 {
    let stage = Stage::with(overrides).await;
    stage.app.sms().set_mode(mode);
    for (path, body) in [(REQUEST, stage.by_name()), (SEND, stage.by_both())] {
        let answer = stage.ask(path, &body).await;
        assert_eq!(answer.status, 200, "{mode:?}: {answer:?}");
    }
    stage.messages().await;
    let messages = stage.app.sms().messages();
    let codes: Vec<String> = messages.iter().map(|message| message.code()).collect();
    assert_silent(&stage, PHONE, &codes).await;
    assert_eq!(stage.outcomes().await, ["REQUEST SUCCESS -"; 2]);
    let failed = stage.app.metrics.recovery_sms_delivery_failed_total.get();
    let line = format!(r#"recovery_sms_delivery_failed_total{{service="agent_service"}} {failed}"#);
    assert!(stage.app.metrics.render().contains(&line));
    stage.app.finish().await;
    failed
}

#[tokio::test]
async fn p199_p200_p210_p211_a_code_that_is_sent() {
    assert_eq!(deliver(&[], SmsMode::Ok).await, 0);
}

#[tokio::test]
async fn p199_p200_p201_p210_p211_p212_a_code_that_is_not_sent() {
    for mode in [SmsMode::Status(500), SmsMode::Refuse, SmsMode::Garbage] {
        assert_eq!(deliver(&[], mode).await, 2);
    }
}

#[tokio::test]
async fn p199_p200_p201_p210_p211_p212_a_code_whose_sending_throws() {
    assert_eq!(deliver(&[], SmsMode::Close).await, 2);
    assert_eq!(
        deliver(&[("SMS_TIMEOUT_MS", "100")], SmsMode::Hang).await,
        2
    );
    let nobody = format!("http://{}/send", free_address());
    assert_eq!(deliver(&[("SMS_URL", &nobody)], SmsMode::Ok).await, 2);
    assert_eq!(deliver(&[("SMS_URL", "")], SmsMode::Ok).await, 2);
}

#[tokio::test]
async fn p199_p200_p202_p211_an_account_with_an_address_only() {
    let stage = Stage::set().await;
    let email = "owner@example.com";
    stage.app.plant(email);
    give_only_email(&stage.app, &stage.agent, email).await;
    for (path, body) in [(REQUEST, stage.by_name()), (SEND, stage.by_both())] {
        assert_eq!(stage.ask(path, &body).await.status, 200);
    }
    assert_silent(&stage, email, &[]).await;
    assert_eq!(
        stage.app.metrics.recovery_email_unprovisioned_total.get(),
        2
    );
    assert_eq!(stage.messages().await, 0);
    stage.app.finish().await;
}

/// A provider that is slow changes nothing for whoever asks.
#[tokio::test]
async fn q90_p183_a_provider_that_hangs_holds_up_nobody() {
    let stage = Stage::set().await;
    stage.app.sms().set_mode(SmsMode::Hang);
    let started = std::time::Instant::now();
    for _ in 0..4 {
        let answer = stage.ask(REQUEST, &stage.by_name()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    // The provider is waited for 5 s.
    assert!(started.elapsed().as_secs() < 4, "{:?}", started.elapsed());
    stage.app.finish().await;
}

#[tokio::test]
async fn p203_p223_only_the_switch_for_tests_shows_codes() {
    let exposed = [("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on")];
    for (overrides, expected) in [(&exposed[..], true), (&[], false)] {
        let stage = Stage::with(overrides).await;
        let (_, first) = stage.requested().await;
        let second = stage.sent().await;
        for code in [first, second] {
            let line = format!("tel={PHONE} code={code}");
            assert_eq!(stage.app.logs.text().contains(&line), expected);
        }
        assert_eq!(stage.app.logs.text().contains("tel="), expected);
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p221_codes_are_six_digits_and_differ() {
    let limits = [
        ("CODE_SENDS_PER_CONTACT", "1000"),
        ("CODE_SENDS_PER_CONTACT_PER_DAY", "1000"),
        ("CODE_SENDS_PER_SOURCE", "1000"),
    ];
    let stage = Stage::with(&limits).await;
    let mut codes = std::collections::HashSet::new();
    for turn in 0..40 {
        let (path, body) = match turn % 2 {
            0 => (REQUEST, json!({ "account": "forgetful" })),
            _ => (SEND, stage.by_both()),
        };
        assert_eq!(stage.ask(path, &body).await.status, 200);
        let code = stage.app.sms().wait_for(PHONE).await.code();
        assert!(
            code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()),
            "{code}"
        );
        codes.insert(code);
    }
    // Two of forty are equal in one of a thousand runs; three pairs never.
    assert!(codes.len() > 37, "{codes:?}");
    stage.app.finish().await;
}
