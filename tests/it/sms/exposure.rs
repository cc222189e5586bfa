//! The one line that shows a code, for tests that cannot read a phone (P-203).

use agent_services::ShortMessage;
use agent_testkit::TestApp;

use super::{CODE, PHONE, message, until};

const SWITCH: &str = "RECOVERY_EXPOSE_TOKEN_FOR_TESTS";

fn exposed() -> String {
    format!("tel={PHONE} code={CODE}")
}

#[tokio::test]
async fn p203_p223_phone_and_code_are_logged_with_the_switch_on() {
    for provider in ["", "http://127.0.0.1:1"] {
        let app = TestApp::with(&[(SWITCH, "on"), ("SMS_URL", provider)]).await;
        app.app.sms.send(message(&app, PHONE));
        let log = app.logs.text();
        assert_eq!(log.matches(&exposed()).count(), 1, "{log}");
        app.finish().await;
    }
}

#[tokio::test]
async fn p203_p223_a_message_without_a_code_is_not_logged_even_then() {
    let app = TestApp::with(&[(SWITCH, "on")]).await;
    let code = None;
    app.app.sms.send(ShortMessage {
        code,
        ..message(&app, PHONE)
    });
    until(&app, "sent", 1).await;
    assert!(!app.logs.text().contains("tel="));
    app.finish().await;
}

#[tokio::test]
async fn p203_p223_nothing_is_logged_with_the_switch_off() {
    for overrides in [&[][..], &[(SWITCH, "off"), ("LOG_FILTER", "trace")]] {
        let app = TestApp::with(overrides).await;
        app.app.sms.send(message(&app, PHONE));
        until(&app, "sent", 1).await;
        for part in ["tel=", "code=", CODE, PHONE] {
            assert!(!app.logs.text().contains(part), "{part}");
        }
        app.finish().await;
    }
}
