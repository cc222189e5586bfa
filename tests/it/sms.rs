//! Messages on their way to the provider: what becomes of them, and what is told of it.

mod exposure;
mod outcomes;
mod queue;

use std::time::Duration;

use agent_crypto::OneTimeCode;
use agent_services::ShortMessage;
use agent_testkit::TestApp;

const PHONE: &str = "+66812345678";
const CODE: &str = "904711";

/// A message with a code, which from here on must not show up anywhere.
fn message(app: &TestApp, to: &str) -> ShortMessage {
    app.plant(to.trim_start_matches('+'));
    app.plant_code(CODE);
    ShortMessage {
        to: to.to_owned().into(),
        text: format!("Your code is {CODE}.").into(),
        contact: app.app.contacts.hash(to),
        code: OneTimeCode::parse(CODE),
    }
}

fn outcome(app: &TestApp, label: &str) -> u64 {
    let outcomes = &app.metrics.sms_delivery_total;
    outcomes.with_label_values(&[label]).get()
}

fn failures(app: &TestApp) -> u64 {
    app.metrics.recovery_sms_delivery_failed_total.get()
}

/// Waits until so many messages came to this end.
async fn until(app: &TestApp, label: &str, count: u64) {
    for _ in 0..2000 {
        if outcome(app, label) >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} of {count} messages are {label}", outcome(app, label));
}

/// The lines that name the contact of a phone, each as it was written.
fn lines(app: &TestApp, to: &str) -> Vec<String> {
    let hash = app.app.contacts.hash(to).to_string();
    let text = app.logs.text();
    let lines = text.lines().filter(|line| line.contains(&hash));
    lines.map(str::to_owned).collect()
}
