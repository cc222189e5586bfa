//! The queue between requests and the provider.

use std::time::{Duration, Instant};

use agent_testkit::{SmsMode, TestApp};

use super::{PHONE, failures, lines, message, outcome, until};

#[tokio::test]
async fn q90_a_full_queue_drops_the_message_counts_it_and_keeps_nobody_waiting() {
    let app = TestApp::spawn().await;
    let begin = Instant::now();
    for _ in 0..1100 {
        app.app.sms.send(message(&app, PHONE));
    }
    // The test's one thread has sent nothing in between: sending does not wait.
    assert!(begin.elapsed() < Duration::from_secs(2));
    assert_eq!(outcome(&app, "full"), 100);
    assert_eq!(failures(&app), 100);
    assert_eq!(lines(&app, PHONE).len(), 100);
    assert_eq!(app.metrics.sms_queue_length.get(), 1000);
    until(&app, "sent", 1000).await;
    assert_eq!(app.metrics.sms_queue_length.get(), 0);
    assert_eq!(lines(&app, PHONE).len(), 1100, "one line for each message");
    app.finish().await;
}

#[tokio::test]
async fn q90_a_slow_answer_does_not_hold_up_other_messages() {
    let app = TestApp::with(&[("SMS_PARALLEL", "2")]).await;
    app.sms().set_mode(SmsMode::Hang);
    app.app.sms.send(message(&app, PHONE));
    app.sms().wait_for(PHONE).await;
    app.sms().set_mode(SmsMode::Ok);
    for other in ["+66812345601", "+66812345602", "+66812345603"] {
        app.app.sms.send(message(&app, other));
        app.sms().wait_for(other).await;
    }
    until(&app, "sent", 3).await;
    assert_eq!(outcome(&app, "exception"), 0);
    assert_eq!(app.metrics.sms_queue_length.get(), 1, "the slow one");
    app.finish().await;
}

#[tokio::test]
async fn q90_no_more_than_the_limit_is_on_its_way_at_once() {
    let app = TestApp::with(&[("SMS_PARALLEL", "3")]).await;
    app.sms().set_mode(SmsMode::Hang);
    for _ in 0..10 {
        app.app.sms.send(message(&app, PHONE));
    }
    app.sms().wait_until(3).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(app.sms().messages().len(), 3);
    app.finish().await;
}

#[tokio::test]
async fn q90_a_stop_waits_for_the_messages_that_were_taken() {
    let mut app = TestApp::with(&[("SMS_PARALLEL", "2")]).await;
    app.sms()
        .set_mode(SmsMode::Slow(Duration::from_millis(500)));
    for _ in 0..6 {
        app.app.sms.send(message(&app, PHONE));
    }
    app.stop().await;
    assert_eq!((outcome(&app, "sent"), failures(&app)), (6, 0));
    app.finish().await;
}

/// What is left then is told of like any other failure.
#[tokio::test]
async fn q90_a_provider_that_hangs_does_not_hold_up_the_stop() {
    let overrides = [
        ("HTTP_DRAIN_TIMEOUT_MS", "1000"),
        ("SMS_TIMEOUT_MS", "60000"),
        ("SMS_PARALLEL", "2"),
    ];
    let mut app = TestApp::with(&overrides).await;
    app.sms().set_mode(SmsMode::Hang);
    for _ in 0..5 {
        app.app.sms.send(message(&app, PHONE));
    }
    app.sms().wait_until(2).await;
    let begin = Instant::now();
    app.stop().await;
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_eq!((outcome(&app, "stopped"), failures(&app)), (5, 5));
    assert_eq!(app.metrics.sms_queue_length.get(), 0);
    app.app.sms.send(message(&app, PHONE));
    assert_eq!(outcome(&app, "stopped"), 6, "too late");
    assert_eq!(lines(&app, PHONE).len(), 6);
    app.finish().await;
}
