//! The ends that a message may come to. Each writes one line with eight hex digits of the
//! contact's hash, and neither phone nor code; what is no success is counted.

use agent_testkit::{FakeSms, SmsMode, TestApp, process::free_address};

use super::{CODE, PHONE, failures, lines, message, outcome, until};

/// Neither the log nor the metrics hold anything but the hash.
fn assert_silent(app: &TestApp) {
    for place in [app.logs.text(), app.metrics.render()] {
        for secret in [PHONE, &PHONE[1..], &PHONE[3..], CODE] {
            assert!(!place.contains(secret), "{place}");
        }
        let hash = app.app.contacts.hash(PHONE);
        assert!(!place.contains(&hash.as_hex()[..9]), "{place}");
    }
}

/// One line for one message, at this level, with the hash as `contact_hash=<8 hex>`.
fn assert_one_line(app: &TestApp, level: &str) {
    let lines = lines(app, PHONE);
    assert_eq!(lines.len(), 1, "{lines:#?}");
    assert!(lines[0].contains(&format!("\"{level}\"")), "{lines:?}");
    let (_, hash) = lines[0].split_once("contact_hash=").expect("the hash");
    let hex = hash.bytes().take_while(u8::is_ascii_hexdigit).count();
    assert_eq!(hex, 8, "{lines:?}");
}

async fn fails(label: &str, overrides: &[(&str, &str)], mode: SmsMode) {
    let app = TestApp::with(overrides).await;
    app.sms().set_mode(mode);
    app.app.sms.send(message(&app, PHONE));
    until(&app, label, 1).await;
    assert_eq!(failures(&app), 1);
    assert_eq!(outcome(&app, "sent"), 0);
    let counted = r#"recovery_sms_delivery_failed_total{service="agent_service"} 1"#;
    assert!(app.metrics.render().contains(counted), "{mode:?}");
    assert_one_line(&app, "WARN");
    assert_silent(&app);
    app.finish().await;
}

#[tokio::test]
async fn p119_p199_p200_a_message_that_is_sent() {
    let app = TestApp::spawn().await;
    app.app.sms.send(message(&app, PHONE));
    let arrived = app.sms().wait_for(PHONE).await;
    assert_eq!(arrived.code(), CODE);
    assert_eq!(arrived.text, format!("Your code is {CODE}."));
    assert!(uuid::Uuid::parse_str(&arrived.reference).is_ok());
    until(&app, "sent", 1).await;
    assert_eq!(failures(&app), 0);
    assert_one_line(&app, "INFO");
    assert_silent(&app);
    app.finish().await;
}

#[tokio::test]
async fn p199_p200_p201_a_message_that_the_provider_does_not_take() {
    for mode in [
        SmsMode::Status(500),
        SmsMode::Status(302),
        SmsMode::Refuse,
        SmsMode::Garbage,
    ] {
        fails("not_sent", &[], mode).await;
    }
}

#[tokio::test]
async fn p199_p200_p201_a_message_without_an_answer() {
    fails("exception", &[], SmsMode::Close).await;
    fails("exception", &[("SMS_TIMEOUT_MS", "200")], SmsMode::Hang).await;
    let nobody = format!("http://{}/send", free_address());
    fails("exception", &[("SMS_URL", &nobody)], SmsMode::Ok).await;
}

#[tokio::test]
async fn p119_p199_p200_p201_a_message_without_a_provider() {
    fails("unprovisioned", &[("SMS_URL", "")], SmsMode::Ok).await;
}

/// The address may hold a credential, and the libraries below log what they do.
#[tokio::test]
async fn p119_p199_the_providers_address_is_in_no_log() {
    let provider = FakeSms::start().await;
    let token = "token-in-the-providers-address";
    let url = provider
        .url()
        .replace("http://", &format!("http://{token}:{token}@"));
    let url = format!("{url}/{token}?key={token}");
    let app = TestApp::with(&[("SMS_URL", &url), ("LOG_FILTER", "trace")]).await;
    app.plant(token);
    app.app.sms.send(message(&app, PHONE));
    provider.wait_for(PHONE).await;
    until(&app, "sent", 1).await;
    provider.set_mode(SmsMode::Close);
    app.app.sms.send(message(&app, PHONE));
    until(&app, "exception", 1).await;
    assert_silent(&app);
    app.finish().await;
}
