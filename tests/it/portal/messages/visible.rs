//! Which messages an agent sees.

use agent_testkit::{Answer, TestApp};
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::stage::{COUNT, Draft, LIST, ids, listed};

#[tokio::test]
async fn p035_p065_the_inbox_holds_what_is_for_this_agent_on_this_brand_now() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let me = app.agent("me", &[&a, &b]).await;
    let parent = app.agent("other", &[&a]).await;
    let child = app.agent_under("child", Some(me.guid), &[&a]).await;
    let hour = TimeDelta::hours(1);
    let future = Draft {
        starts: hour,
        ..Draft::of(&a)
    };
    let ended = Draft {
        ends: Some(-TimeDelta::minutes(1)),
        ..Draft::of(&a)
    };
    let shown = [
        Draft {
            starts: -hour * 5,
            ..Draft::new()
        },
        Draft {
            starts: -hour * 4,
            ..Draft::of(&a)
        },
        Draft {
            starts: -hour * 3,
            ends: Some(hour),
            ..Draft::of(&a)
        },
        Draft {
            starts: -hour * 2,
            ..Draft::of(&a).to(&[&me, &child])
        },
        Draft {
            starts: -hour,
            ..Draft::new().to(&[&me])
        },
    ];
    let hidden = [
        Draft::of(&b),
        Draft::of(&b).to(&[&me]),
        Draft::of(&a).to(&[&parent]),
        Draft::of(&a).to(&[&child]),
        Draft::new().to(&[&parent]),
        future.clone(),
        future.clone().to(&[&me]),
        ended.clone(),
        ended.clone().to(&[&me]),
    ];
    let (mut expected, mut others) = (Vec::new(), Vec::new());
    for draft in &shown {
        expected.push(draft.store(&app).await);
    }
    for draft in &hidden {
        others.push(draft.store(&app).await);
    }
    expected.reverse();
    let session = app.login(&a.host, "me", &me.password).await;
    assert_eq!(listed(&session, "").await, expected, "the newest first");
    assert_eq!(listed(&session, "&kind=all").await, expected);
    assert_eq!(listed(&session, "&kind=private").await, expected[..2]);
    assert_eq!(listed(&session, "&kind=announcement").await, expected[2..]);
    let unread = json!({ "total": 5, "announcement": 3, "private": 2 });
    assert_eq!(session.get(COUNT).await.body, unread);
    // What is not listed is not there, and each such answer is that of a number that is unknown.
    let masked = |answer: Answer| {
        let mut body = answer.body;
        body["request_id"] = Value::Null;
        (answer.status, body)
    };
    let absent = masked(session.get("/agent/messages/999999").await);
    assert_eq!((absent.0, &absent.1["code"]), (404, &json!("not_found")));
    for id in others {
        for path in ["/agent/messages", "/messages"] {
            let answer = session.get(&format!("{path}/{id}")).await;
            assert_eq!(masked(answer), absent, "{id}");
            let answer = session.post(&format!("{path}/{id}/read"), &json!({})).await;
            assert_eq!(masked(answer), absent, "{id}");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM message_read").await, 0);
    // On the other brand: what is for all brands, and what is for that one.
    let there = app.login(&b.host, "me", &me.password).await;
    assert_eq!(listed(&there, "").await.len(), 4);
    app.finish().await;
}

#[tokio::test]
async fn p065_messages_come_and_go_with_their_time() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let me = app.agent("me", &[&brand]).await;
    let minute = TimeDelta::minutes(1);
    let drafted = Draft {
        starts: minute * 2,
        ends: Some(minute * 4),
        ..Draft::of(&brand)
    };
    let id = drafted.store(&app).await;
    let session = app.login(&brand.host, "me", &me.password).await;
    for (passed, shown) in [(0, false), (1, false), (2, true), (3, true), (4, false)] {
        let expected = if shown { vec![id] } else { Vec::new() };
        assert_eq!(
            listed(&session, "").await,
            expected,
            "after {passed} minutes"
        );
        let status = session.get(&format!("/agent/messages/{id}")).await.status;
        assert_eq!(
            status,
            if shown { 200 } else { 404 },
            "after {passed} minutes"
        );
        let unread = session.get(COUNT).await.body["total"].clone();
        assert_eq!(unread, expected.len(), "after {passed} minutes");
        app.clock.advance(minute);
    }
    app.finish().await;
}

#[tokio::test]
async fn p065_p066_a_list_shows_the_beginning_and_a_message_all_of_it() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let me = app.agent("me", &[&brand]).await;
    let body = "é".repeat(500);
    let old = Draft {
        starts: TimeDelta::days(-9),
        pinned: true,
        body: body.clone(),
        ..Draft::of(&brand)
    };
    let (old, new) = (old.store(&app).await, Draft::of(&brand).store(&app).await);
    let session = app.login(&brand.host, "me", &me.password).await;
    let answer = session.get(LIST).await;
    assert_eq!(ids(&answer), [old, new], "pinned ones first");
    let mut item = answer.body["items"][0].clone();
    let created_at = item["created_at"].take();
    let preview = "é".repeat(120);
    assert_eq!(
        item,
        json!({
            "id": old, "kind": "announcement", "title": "Title", "preview": preview, "is_read": false,
            "pinned": true, "created_at": null,
        })
    );
    let whole = json!({
        "id": old, "kind": "announcement", "title": "Title", "body": body, "is_read": false, "pinned": true,
        "created_at": created_at,
    });
    // Looking at it does not mark it.
    for path in ["/agent/messages", "/messages", "/agent/messages"] {
        assert_eq!(session.get(&format!("{path}/{old}")).await.body, whole);
    }
    assert_eq!(session.get("/messages/list").await.body, answer.body);
    let second = session.get(&format!("{LIST}?page=2&page_size=1")).await;
    assert_eq!(
        (ids(&second), &second.body["total"]),
        (vec![new], &json!(2))
    );
    for bad in ["kind=other", "unread=2", "page=0", "page_size=101"] {
        let answer = session.get(&format!("{LIST}?{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}

/// A message's number is a number; words under `/messages/` are routes of their own.
#[tokio::test]
async fn q03_words_are_never_taken_for_a_message() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let me = app.agent("me", &[&brand]).await;
    let id = Draft::of(&brand).store(&app).await;
    let session = app.login(&brand.host, "me", &me.password).await;
    for root in ["/agent/messages", "/messages"] {
        assert_eq!(session.get(&format!("{root}/list")).await.body["total"], 1);
        assert_eq!(
            session.get(&format!("{root}/unread/count")).await.body["total"],
            1
        );
        // `read` is a route that is posted to, and asks for a body of its own.
        let answer = session.get(&format!("{root}/read")).await;
        answer.assert_problem(405, "method_not_allowed");
        let answer = session.post(&format!("{root}/read"), &json!({})).await;
        answer.assert_problem(422, "validation_failed");
        for word in [
            "unread",
            "x",
            "1x",
            "-1",
            "1.0",
            "0x1",
            "+1",
            "1%20",
            "99999999999999999999",
        ] {
            let answer = session.get(&format!("{root}/{word}")).await;
            answer.assert_problem(404, "not_found");
        }
        let answer = session.post(&format!("{root}/read/read"), &json!({})).await;
        answer.assert_problem(404, "not_found");
    }
    assert_eq!(super::stage::is_read(&session, id).await, false);
    app.finish().await;
}
