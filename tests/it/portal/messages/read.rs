//! Marking messages as read, and counting those that are not.

use agent_testkit::{Session, TestApp};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{COUNT, Draft, is_read, listed};

const READ: &str = "/agent/messages/read";

/// The counts, which must be what the lists of unread messages say.
async fn unread(session: &Session<'_>) -> (u64, u64) {
    let counts = session.get(COUNT).await.body;
    assert_eq!(session.get("/messages/unread/count").await.body, counts);
    let of = |name: &str| counts[name].as_u64().unwrap();
    for (name, query) in [
        ("total", "&unread=true"),
        ("announcement", "&unread=true&kind=announcement"),
        ("private", "&unread=true&kind=private"),
    ] {
        assert_eq!(
            listed(session, query).await.len() as u64,
            of(name),
            "{name}"
        );
    }
    assert_eq!(of("announcement") + of("private"), of("total"));
    (of("announcement"), of("private"))
}

#[tokio::test]
async fn p066_p067_one_message_is_marked_for_one_agent() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let me = app.agent("me", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    let announced = Draft::of(&brand).store(&app).await;
    let private = Draft::of(&brand).to(&[&me, &other]).store(&app).await;
    let mine = app.login(&brand.host, "me", &me.password).await;
    let others = app.login(&brand.host, "other", &other.password).await;
    assert_eq!(unread(&mine).await, (1, 1));
    for (root, id, left) in [
        ("/agent/messages", announced, (0, 1)),
        ("/messages", private, (0, 0)),
    ] {
        // Again and again, also at the same time: it stays marked.
        let marks = (0..6).map(async |_| mine.post(&format!("{root}/{id}/read"), &json!({})).await);
        for answer in join_all(marks).await {
            assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        }
        assert_eq!(unread(&mine).await, left);
        assert_eq!(is_read(&mine, id).await, true);
        assert_eq!(is_read(&others, id).await, false);
    }
    assert_eq!(
        listed(&mine, "").await.len(),
        2,
        "read ones stay in the inbox"
    );
    assert_eq!(unread(&others).await, (1, 1));
    assert_eq!(app.count("SELECT count(*) FROM message_read").await, 2);
    app.finish().await;
}

#[tokio::test]
async fn q03_p067_several_messages_are_marked_and_strange_ones_passed_over() {
    let app = TestApp::spawn().await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let me = app.agent("me", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    let mut own = Vec::new();
    for _ in 0..4 {
        own.push(Draft::of(&brand).store(&app).await);
    }
    let strange = [
        Draft::of(&foreign).store(&app).await,
        Draft::of(&brand).to(&[&other]).store(&app).await,
        Draft {
            starts: TimeDelta::hours(1),
            ..Draft::of(&brand)
        }
        .store(&app)
        .await,
        999_999,
        -1,
    ];
    let session = app.login(&brand.host, "me", &me.password).await;
    let ids = [&strange[..], &own[..2], &own[..1]].concat();
    for path in [READ, "/messages/read"] {
        let answer = session.post(path, &json!({ "ids": ids })).await;
        assert_eq!(answer.status, 204, "{answer:?}");
        assert_eq!(unread(&session).await, (2, 0));
    }
    assert_eq!(app.count("SELECT count(*) FROM message_read").await, 2);
    app.finish().await;
}

#[tokio::test]
async fn p067_all_means_all_that_the_agent_sees() {
    let app = TestApp::spawn().await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let me = app.agent("me", &[&brand, &foreign]).await;
    let other = app.agent("other", &[&brand]).await;
    for draft in [
        Draft::of(&brand),
        Draft::of(&brand).to(&[&me]),
        Draft::of(&foreign),
        Draft::of(&brand).to(&[&other]),
        Draft {
            starts: TimeDelta::minutes(5),
            ..Draft::of(&brand)
        },
    ] {
        draft.store(&app).await;
    }
    let session = app.login(&brand.host, "me", &me.password).await;
    assert_eq!(
        session.post(READ, &json!({ "all": true })).await.status,
        204
    );
    assert_eq!(unread(&session).await, (0, 0));
    let there = app.login(&foreign.host, "me", &me.password).await;
    assert_eq!(unread(&there).await, (1, 0));
    let others = app.login(&brand.host, "other", &other.password).await;
    assert_eq!(unread(&others).await, (1, 1));
    // What comes afterwards is unread.
    app.clock.advance(TimeDelta::minutes(6));
    assert_eq!(unread(&session).await, (1, 0));
    assert_eq!(
        session
            .post("/messages/read", &json!({ "all": true }))
            .await
            .status,
        204
    );
    assert_eq!(unread(&session).await, (0, 0));
    app.finish().await;
}

#[tokio::test]
async fn p067_a_request_names_ids_or_all_and_not_both() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let me = app.agent("me", &[&brand]).await;
    let id = Draft::of(&brand).store(&app).await;
    let session = app.login(&brand.host, "me", &me.password).await;
    let many: Vec<i64> = (1..=101).collect();
    for bad in [
        json!({}),
        json!({ "all": false }),
        json!({ "ids": [id], "all": true }),
        json!({ "ids": [] }),
        json!({ "ids": many }),
        json!({ "ids": id }),
        json!({ "ids": ["x"] }),
        json!({ "ids": [1.5] }),
        json!({ "ids": null }),
        json!({ "all": "yes" }),
    ] {
        let answer = session.post(READ, &bad).await;
        answer.assert_problem(422, "validation_failed");
    }
    assert_eq!(unread(&session).await, (1, 0));
    let full: Vec<Value> = (0..99)
        .map(|_| json!(id))
        .chain([json!(1), json!(2)])
        .take(100)
        .collect();
    assert_eq!(
        session.post(READ, &json!({ "ids": full })).await.status,
        204
    );
    assert_eq!(unread(&session).await, (0, 0));
    app.finish().await;
}

/// Whatever is sent, seen and read by whomever: the badge is what the list says.
#[tokio::test]
async fn p068_unread_counts_are_those_of_the_list() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let me = app.agent("me", &[&a, &b]).await;
    let other = app.agent("other", &[&a, &b]).await;
    let brands = [None, Some(&a), Some(&b)];
    let recipients = [vec![], vec![&me], vec![&other], vec![&me, &other]];
    let windows = [
        (-9, None),
        (-9, Some(-1)),
        (-9, Some(3)),
        (2, None),
        (2, Some(4)),
    ];
    let mut ids = Vec::new();
    for brand in brands {
        for to in &recipients {
            for (starts, ends) in windows {
                let starts = TimeDelta::minutes(starts);
                let ends = ends.map(TimeDelta::minutes);
                let draft = Draft {
                    brand,
                    to: to.clone(),
                    starts,
                    ends,
                    ..Draft::new()
                };
                ids.push(draft.store(&app).await);
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    for step in 0..6 {
        for agent in [&me, &other] {
            for brand in [&a, &b] {
                let session = app
                    .login(&brand.host, &agent.username, &agent.password)
                    .await;
                seen.insert(unread(&session).await);
                let some: Vec<i64> = ids.iter().copied().filter(|id| id % 7 == step).collect();
                assert_eq!(
                    session.post(READ, &json!({ "ids": some })).await.status,
                    204
                );
                seen.insert(unread(&session).await);
            }
        }
        app.clock.advance(TimeDelta::minutes(1));
    }
    assert!(seen.len() > 5, "the counts hardly changed: {seen:?}");
    app.finish().await;
}
