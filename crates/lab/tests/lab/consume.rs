//! The example consumer: each event once, whatever happens to the stream and to consumers.

use agent_kv::keys::STREAM;
use agent_testkit::TestApp;

use crate::support::lab;

async fn add(app: &mut TestApp, event: &str) {
    redis::cmd("XADD")
        .arg(STREAM)
        .arg("*")
        .arg("event_id")
        .arg(event)
        .arg("event_type")
        .arg("test.happened")
        .arg("aggregate_type")
        .arg("test")
        .arg("aggregate_id")
        .arg("1")
        .exec_async(&mut app.redis)
        .await
        .unwrap();
}

async fn consumed(app: &TestApp, more: &[&str]) -> Vec<String> {
    let arguments = [&["consume", "--group", "example"], more].concat();
    let out = lab(app, &arguments).await.ok();
    let event = |line: &str| line.split(' ').next().unwrap().to_owned();
    out.lines().map(event).collect()
}

#[tokio::test]
async fn q19_a_consumer_drops_repeats_and_goes_on_where_its_group_ended() {
    let mut app = TestApp::spawn().await;
    for event in ["a", "b", "a", "c"] {
        add(&mut app, event).await;
    }
    assert_eq!(consumed(&app, &["--count", "2"]).await, ["a", "b"]);
    add(&mut app, "d").await;
    // What was read and not handled is claimed; here at once.
    let rest = consumed(&app, &["--count", "2", "--claim-after-ms", "0"]).await;
    assert_eq!(rest, ["c", "d"]);
    app.finish().await;
}

#[tokio::test]
async fn q19_what_a_dead_consumer_left_is_taken_over_and_a_lost_group_is_made_anew() {
    let mut app = TestApp::spawn().await;
    add(&mut app, "a").await;
    redis::cmd("XGROUP")
        .arg(&["CREATE", STREAM, "example", "0"])
        .exec_async(&mut app.redis)
        .await
        .unwrap();
    let _: redis::Value = redis::cmd("XREADGROUP")
        .arg(&[
            "GROUP", "example", "dead", "COUNT", "10", "STREAMS", STREAM, ">",
        ])
        .query_async(&mut app.redis)
        .await
        .unwrap();
    let taken = consumed(&app, &["--count", "1", "--claim-after-ms", "0"]).await;
    assert_eq!(taken, ["a"]);
    redis::cmd("DEL")
        .arg(STREAM)
        .exec_async(&mut app.redis)
        .await
        .unwrap();
    // Fed again: one that is known, and one that is not.
    for event in ["a", "b"] {
        add(&mut app, event).await;
    }
    assert_eq!(consumed(&app, &["--count", "1"]).await, ["b"]);
    app.finish().await;
}
