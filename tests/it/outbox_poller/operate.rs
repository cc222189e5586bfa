//! `agent-api outbox` as operators meet it.

use std::time::Duration;

use agent_testkit::{TestApp, process};
use serde_json::Value;

use super::rows::{
    append, append_many, append_payload, assert_complete_in_order, first_appearances, relay,
    settings, stream, until_drained, waiting,
};

fn outbox(app: &TestApp, arguments: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["outbox"], arguments].concat();
    let output = process::run("agent-api", &arguments, app.environment());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

#[track_caller]
pub(super) fn done(app: &TestApp, arguments: &[&str]) -> String {
    let (code, said) = outbox(app, arguments);
    assert_eq!(code, Some(0), "{said}");
    said
}

async fn audited(app: &TestApp) -> String {
    app.text(
        "SELECT coalesce(string_agg(concat_ws(' ', operator_id, action, brand_id), ', ' ORDER BY id), '') \
         FROM admin_audit WHERE resource = 'outbox'",
    )
    .await
}

#[tokio::test]
async fn q94_status_tells_what_waits_who_publishes_and_how_full_the_stream_is() {
    let app = TestApp::spawn().await;
    append_many(&app, 10, 30).await;
    let said = done(&app, &["status"]);
    assert!(said.contains("waiting   30 events"), "{said}");
    assert!(said.contains("shards    0 of 16 held"), "{said}");
    let mut settings = settings("teller");
    settings.lease = Duration::from_secs(60);
    let mut relay = relay(&app, settings);
    until_drained(&app, &mut relay).await;
    let status: Value = serde_json::from_str(&done(&app, &["status", "--json"])).unwrap();
    for (name, value) in [
        ("waiting", 0),
        ("parked", 0),
        ("shards_held", 16),
        ("stream_length", 30),
        ("stream_limit", 1_000_000),
    ] {
        assert_eq!(status[name], value, "{name}: {status}");
    }
    let owner = status["owners"][0]["owner"].as_str().unwrap();
    assert!(owner.starts_with("teller:"), "{owner}");
    app.finish().await;
}

#[tokio::test]
async fn q94_parked_rows_are_shown_and_tried_again_and_that_is_audited() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    let first = append_payload(&app.owner, "ill", r#"{"n": 1}"#).await;
    append_payload(&app.owner, "worse", r#"{"n": 1}"#).await;
    append(&app.owner, "ill", 2).await;
    until_drained(&app, &mut relay).await;
    let said = done(&app, &["parked"]);
    assert!(
        said.contains("payload_without_brand") && said.contains("test:worse"),
        "{said}"
    );
    assert_eq!(
        done(&app, &["parked", "--json", "--limit", "1"])
            .lines()
            .count(),
        1
    );
    let shown = done(&app, &["parked", "--json"]);
    let shown = shown
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let shown: Vec<_> = shown.filter(|row| row["id"] == first).collect();
    assert_eq!((shown.len(), &shown[0]["attempts"]), (1, &10.into()));

    // The cause is gone.
    app.as_owner(&format!(
        "ALTER TABLE agent_outbox DISABLE TRIGGER ALL; \
         UPDATE agent_outbox SET payload = '{{\"brand_id\": 1, \"n\": 1}}' WHERE id = {first}"
    ))
    .await;
    let said = done(&app, &["retry", &first.to_string(), "--by", "eve"]);
    assert_eq!(said.trim(), "1 events are tried again");
    until_drained(&app, &mut relay).await;
    let (order, _) = first_appearances(&stream(&mut app).await);
    assert_eq!(order["ill"], [2, 1], "it comes after its successors");
    let (code, said) = outbox(&app, &["retry", &first.to_string(), "--by", "eve"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("none of them is parked"), "{said}");
    assert_eq!(
        outbox(&app, &["retry", "all", "7", "--by", "eve"]).0,
        Some(1)
    );
    done(&app, &["retry", "all", "--by", "eve"]);
    assert_eq!(waiting(&app).await, 1);
    assert_eq!(
        audited(&app).await,
        "operator:eve OUTBOX_RETRY 0, operator:eve OUTBOX_RETRY 0"
    );
    app.finish().await;
}

/// A flush, and the kept rows are fed again: with the same ids and in order.
#[tokio::test]
async fn q94_after_a_flush_the_stream_is_fed_again_from_the_kept_rows() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 40, 500).await;
    until_drained(&app, &mut relay).await;
    let before = stream(&mut app).await;
    let () = redis::cmd("FLUSHDB")
        .query_async(&mut app.redis)
        .await
        .unwrap();
    append_many(&app, 40, 20).await;
    let range = ["replay", "--from", "2020-01-01T00:00:00Z", "--by", "eve"];
    let (code, said) = outbox(&app, &[&range[..], &["--limit", "519"]].concat());
    assert_eq!(code, Some(1), "{said}");
    let said = done(&app, &range);
    assert!(
        said.starts_with("500 of 520 events are published again"),
        "{said}"
    );
    assert_eq!(audited(&app).await, "operator:eve OUTBOX_REPLAY 0");
    until_drained(&app, &mut relay).await;

    let after = stream(&mut app).await;
    assert_eq!(after.len(), 520);
    for entry in &before {
        assert!(after.contains(entry), "{entry:?}");
    }
    app.finish().await;
}

/// Who only counts need not say who it is; who changes something must.
#[tokio::test]
async fn q94_a_dry_run_counts_without_a_name_and_a_replay_is_refused_without_one() {
    let app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    append_many(&app, 4, 12).await;
    until_drained(&app, &mut relay).await;
    append_many(&app, 4, 3).await;
    assert!(!app.environment().contains_key("USER"));
    let range = ["replay", "--from", "2020-01-01T00:00:00Z"];

    for named in [&[][..], &["--by", ""], &["--by", "eve"]] {
        let said = done(&app, &[&range[..], &["--dry-run"], named].concat());
        assert_eq!(said.trim(), "15 events would be published again");
    }
    let (code, said) = outbox(&app, &range);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("required arguments were not provided") && said.contains("--by <NAME>"),
        "{said}"
    );
    let (code, said) = outbox(&app, &[&range[..], &["--by", " "]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("--by: a name of 1 to 100 characters"),
        "{said}"
    );
    let untouched = (waiting(&app).await, audited(&app).await);
    assert_eq!(untouched, (3, String::new()));

    done(&app, &[&range[..], &["--by", "eve"]].concat());
    assert_eq!(waiting(&app).await, 15);
    app.finish().await;
}

#[tokio::test]
async fn q94_a_replay_by_ids_takes_exactly_those() {
    let mut app = TestApp::spawn().await;
    let mut relay = relay(&app, settings("only"));
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(append(&app.owner, "x", n).await.to_string());
    }
    until_drained(&app, &mut relay).await;
    done(
        &app,
        &["replay", "--from", &ids[3], "--to", &ids[5], "--by", "eve"],
    );
    until_drained(&app, &mut relay).await;
    let entries = stream(&mut app).await;
    assert_eq!(entries.len(), 13);
    assert_eq!(assert_complete_in_order(&entries, 10), 3);
    let (code, said) = outbox(&app, &["replay", "--from", "999999", "--by", "eve"]);
    assert_eq!(code, Some(1), "{said}");
    assert_eq!(
        outbox(&app, &["replay", "--from", "yesterday", "--by", "eve"]).0,
        Some(2)
    );
    app.finish().await;
}
