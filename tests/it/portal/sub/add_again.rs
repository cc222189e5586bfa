//! Making an agent again under an `Idempotency-Key`.

use futures_util::future::join_all;
use serde_json::json;

use super::stage::{Family, add_once, everything, made, named};

#[tokio::test]
async fn q88_the_same_request_again_gives_the_stored_answer_without_the_password() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.mid).await;
    app.plant("898765432");
    let body = json!({ "username": "once", "phone_num": "0898765432", "nick_name": "O", "percentages": [] });
    let first = add_once(&session, "key-1", &body).await;
    let (guid, _) = made(app, &first);
    let before = everything(app).await;
    for _ in 0..3 {
        let again = add_once(&session, "key-1", &body).await;
        assert_eq!(again.status, 201, "{again:?}");
        assert_eq!(again.body, json!({ "guid": guid, "username": "once" }));
    }
    for (member, value) in [
        ("username", json!("twice")),
        ("phone_num", json!("0898765431")),
        ("nick_name", json!("P")),
        (
            "percentages",
            json!([{ "provider_id": 1, "percentage": "0" }]),
        ),
    ] {
        let mut other = body.clone();
        other[member] = value;
        let answer = add_once(&session, "key-1", &other).await;
        answer.assert_problem(409, "idempotency_conflict");
    }
    assert_eq!(everything(app).await, before);
    let stored = app
        .text("SELECT concat_ws(' ', operation, status, body) FROM idempotency_key")
        .await;
    assert_eq!(
        stored,
        format!("POST /agent/sub/add 201 {{\"guid\": {guid}, \"username\": \"once\"}}")
    );
    family.app.finish().await;
}

#[tokio::test]
async fn q88_a_refusal_is_not_stored_and_another_agents_key_is_another_key() {
    let family = Family::new().await;
    let app = &family.app;
    let (mid, top) = (
        family.session(&family.mid).await,
        family.session(&family.top).await,
    );
    let taken = add_once(&mid, "key", &named("leaf")).await;
    taken.assert_problem(409, "conflict");
    made(app, &add_once(&mid, "key", &named("free")).await);
    made(app, &add_once(&top, "key", &named("other")).await);
    family.app.finish().await;
}

#[tokio::test]
async fn q88_of_the_same_requests_at_once_one_makes_the_agent() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.mid).await;
    for round in 0..3 {
        let (key, body) = (format!("key-{round}"), named(&format!("parallel{round}")));
        let answers = join_all((0..8).map(|_| add_once(&session, &key, &body))).await;
        let with_password = answers
            .iter()
            .filter(|answer| answer.body.get("initial_password").is_some())
            .count();
        assert_eq!(with_password, 1, "{answers:?}");
        for answer in &answers {
            assert_eq!(answer.status, 201, "{answer:?}");
            assert_eq!(answer.body["guid"], answers[0].body["guid"]);
            if let Some(password) = answer.body["initial_password"].as_str() {
                app.plant(password);
            }
        }
        let effects = format!(
            "SELECT (SELECT count(*) FROM agent WHERE username = 'parallel{round}') \
                  + 10 * (SELECT count(*) FROM admin_audit WHERE resource_id = '{0}') \
                  + 100 * (SELECT count(*) FROM agent_outbox WHERE aggregate_id = '{0}')",
            answers[0].body["guid"]
        );
        assert_eq!(app.count(&effects).await, 111);
    }
    family.app.finish().await;
}
