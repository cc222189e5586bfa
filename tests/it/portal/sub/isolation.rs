//! Who sees and changes whom (P-033, P-154).

use agent_testkit::{AgentFixture, Answer};
use serde_json::{Value, json};

use super::stage::{Family, everything, path, put, reset, set_status};

/// A refusal without what differs between any two requests.
fn told(mut answer: Answer) -> (u16, Value) {
    if let Some(body) = answer.body.as_object_mut() {
        body.remove("request_id");
    }
    (answer.status, answer.body)
}

#[tokio::test]
async fn p033_agents_see_what_is_below_them_and_change_what_is_directly_below() {
    let family = Family::new().await;
    let Family {
        top,
        mid,
        leaf,
        sibling,
        ..
    } = &family;
    let below = [(top, mid), (top, leaf), (top, sibling), (mid, leaf)];
    let directly = [(top, mid), (top, sibling), (mid, leaf)];
    let is_in =
        |pairs: &[(&AgentFixture, &AgentFixture)], asking: &AgentFixture, of: &AgentFixture| {
            let same = |pair: &(&AgentFixture, &AgentFixture)| {
                (pair.0.guid, pair.1.guid) == (asking.guid, of.guid)
            };
            pairs.iter().any(same)
        };
    for asking in family.members() {
        let session = family.session(asking).await;
        let absent = told(session.get(&path(987_654_321)).await);
        assert_eq!((absent.0, &absent.1["code"]), (404, &json!("not_found")));
        for of in family.members() {
            let who = format!("{} of {}", asking.username, of.username);
            let guid = of.guid.0;
            let shown = session.get(&path(guid)).await;
            if is_in(&below, asking, of) {
                assert_eq!(shown.body["guid"], json!(guid), "{who}: {shown:?}");
            } else {
                assert_eq!(told(shown), absent, "{who}");
            }
            let tree = session.get(&format!("/agent/sub/tree?root={guid}")).await;
            let in_tree = is_in(&below, asking, of) || asking.guid == of.guid;
            assert_eq!(
                tree.status,
                if in_tree { 200 } else { 404 },
                "{who}: {tree:?}"
            );

            let before = everything(&family.app).await;
            let edited = put(&session, &path(guid), &json!({ "remark": who })).await;
            let locked = set_status(&session, guid, "active").await;
            let renewed = reset(&session, guid, "123456").await;
            if is_in(&directly, asking, of) {
                assert_eq!((edited.status, locked.status), (204, 204), "{who}");
                renewed.assert_problem(403, "payout_password_unset");
            } else {
                for refused in [edited, locked, renewed] {
                    assert_eq!(told(refused), absent, "{who}");
                }
                assert_eq!(everything(&family.app).await, before, "{who}");
            }
        }
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_what_is_no_number_is_absent() {
    let family = Family::new().await;
    let session = family.session(&family.top).await;
    for guid in [
        "x",
        "0",
        "-1",
        "1.0",
        "9223372036854775808",
        "+1",
        "%20",
        "me",
    ] {
        let shown = session.get(&path(guid)).await;
        shown.assert_problem(404, "not_found");
        let edited = put(&session, &path(guid), &json!({ "remark": "x" })).await;
        edited.assert_problem(404, "not_found");
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_p154_agents_of_another_brand_are_not_shown() {
    let family = Family::new().await;
    let (app, top) = (&family.app, &family.top);
    let other = app.brand("b").await;
    app.join(top, &other).await;
    // Below `top`: one on both brands, one on the other brand only, and one that no brand knows yet.
    let both = app
        .agent_under("both", Some(top.guid), &[&family.brand, &other])
        .await;
    let only_b = app.agent_under("only_b", Some(top.guid), &[&other]).await;
    let below_b = app
        .agent_under("below_b", Some(only_b.guid), &[&family.brand])
        .await;
    let pending = app.agent_under("pending", Some(top.guid), &[]).await;
    app.made_on(&pending, &family.brand).await;
    let disabled = app.agent_under("disabled", Some(top.guid), &[]).await;
    app.allow(&disabled, &family.brand, "disabled").await;

    let on_a = app.session(top, &family.brand).await;
    let on_b = app.session(top, &other).await;
    for (of, a, b) in [
        (&both, 200, 200),
        (&only_b, 404, 200),
        (&below_b, 200, 404),
        (&pending, 200, 404),
        (&disabled, 200, 404),
        (&family.mid, 200, 404),
    ] {
        for (session, status) in [(&on_a, a), (&on_b, b)] {
            let answer = session.get(&path(of.guid)).await;
            assert_eq!(answer.status, status, "{} {answer:?}", of.username);
        }
    }
    set_status(&on_a, only_b.guid.0, "locked")
        .await
        .assert_problem(404, "not_found");
    // Even the name of an agent of the other brand stays there.
    let shown = on_a.get(&path(below_b.guid)).await;
    assert_eq!(shown.body["parent"], Value::Null, "{shown:?}");
    assert!(!shown.text.contains("only_b"));
    for path in ["/agent/sub/list?scope=team", "/agent/sub/tree?depth=5"] {
        let answer = on_a.get(path).await;
        assert!(answer.text.contains("below_b"), "{path}: {answer:?}");
        assert!(!answer.text.contains("only_b"), "{path}: {answer:?}");
        let answer = on_b.get(path).await;
        assert!(answer.text.contains("only_b"), "{path}: {answer:?}");
        for hidden in ["below_b", "\"disabled\"", "\"mid\"", "\"leaf\""] {
            assert!(!answer.text.contains(hidden), "{path} {hidden}: {answer:?}");
        }
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_deleted_agents_are_gone() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.top).await;
    app.set_agent(&family.mid, "status", "deleted").await;
    session
        .get(&path(family.mid.guid))
        .await
        .assert_problem(404, "not_found");
    set_status(&session, family.mid.guid.0, "active")
        .await
        .assert_problem(404, "not_found");
    for path in ["/agent/sub/list?scope=team", "/agent/sub/tree?depth=5"] {
        let answer = session.get(path).await;
        assert!(!answer.text.contains("\"mid\""), "{answer:?}");
        // What is below a deleted agent still earns.
        assert!(answer.text.contains("\"leaf\""), "{answer:?}");
    }
    family.app.finish().await;
}
