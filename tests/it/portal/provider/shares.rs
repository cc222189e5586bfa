//! Own shares, and those of agents below.

use agent_testkit::{Answer, TestApp};
use serde_json::json;

use super::stage::{SUB, days, of_provider, provider, read, share, today};

#[tokio::test]
async fn p062_q26_own_shares_are_those_of_today() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let top = app.agent("top", &[&a, &b]).await;
    let child = app.agent_under("child", Some(top.guid), &[&a, &b]).await;
    provider(&app, 1, "one", &[&a, &b]).await;
    provider(&app, 2, "two", &[&a]).await;
    let now = today(&app);
    let (long_ago, soon, later) = (days(now, -50), days(now, 1), days(now, 40));
    share(&app, &a, &top, 1, long_ago, "70").await;
    share(&app, &a, &top, 1, now, "60.5").await;
    share(&app, &a, &child, 1, long_ago, "40").await;
    share(&app, &a, &child, 1, later, "20").await;
    share(&app, &a, &child, 1, soon, "30.1234").await;
    share(&app, &b, &child, 1, now, "5").await;
    let path = "/agent/provider/percentage";
    let tops = app.login(&a.host, "top", &top.password).await;
    let answer = tops.get(path).await;
    assert_eq!(
        of_provider(&answer, 1),
        json!({
            "provider_id": 1, "code": "one", "name": "Name one", "percentage": "60.5000",
            "effective_from": now, "upline_max": "100.0000", "next": null,
        })
    );
    assert_eq!(
        of_provider(&answer, 2),
        json!({
            "provider_id": 2, "code": "two", "name": "Name two", "percentage": "0.0000",
            "effective_from": null, "upline_max": "100.0000", "next": null,
        })
    );
    assert_eq!(answer.body["total"], 2);
    let children = app.login(&a.host, "child", &child.password).await;
    let answer = children.get(path).await;
    let expected = json!({
        "provider_id": 1, "code": "one", "name": "Name one", "percentage": "40.0000",
        "effective_from": long_ago, "upline_max": "60.5000",
        "next": { "percentage": "30.1234", "effective_from": soon },
    });
    assert_eq!(of_provider(&answer, 1), expected);
    assert_eq!(children.get("/provider/percentage").await.body, answer.body);
    // What the child sees is what the agent above sees of it.
    assert_eq!(read(&tops, &child).await.body, answer.body);
    let alias = format!("/provider/sub/percentage?sub_guid={}", child.guid);
    assert_eq!(tops.get(&alias).await.body, answer.body);
    // Shares of one brand are not shown on the other.
    let elsewhere = app.login(&b.host, "child", &child.password).await;
    let answer = elsewhere.get(path).await;
    let there = of_provider(&answer, 1);
    assert_eq!(
        (&there["percentage"], &there["upline_max"]),
        (&json!("5.0000"), &json!("0.0000"))
    );
    assert_eq!(answer.body["total"], 1);
    app.finish().await;
}

#[tokio::test]
async fn p063_an_agent_reads_shares_below_it_and_sets_those_of_direct_subs() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let top = app.agent("top", &[&a]).await;
    let me = app.agent_under("me", Some(top.guid), &[&a]).await;
    let sibling = app.agent_under("sibling", Some(top.guid), &[&a]).await;
    let sub = app.agent_under("sub", Some(me.guid), &[&a]).await;
    let pending = app.agent_under("pending", Some(me.guid), &[]).await;
    app.made_on(&pending, &a).await;
    let grandchild = app.agent_under("grandchild", Some(sub.guid), &[&a]).await;
    let cousin = app.agent_under("cousin", Some(sibling.guid), &[&a]).await;
    let foreign = app.agent_under("foreign", Some(me.guid), &[&b]).await;
    let deleted = app.agent_under("deleted", Some(me.guid), &[&a]).await;
    app.set_agent(&deleted, "status", "deleted").await;
    provider(&app, 1, "one", &[&a]).await;
    let from = days(today(&app), -1);
    for agent in [&top, &me, &sibling, &sub, &grandchild, &cousin, &foreign] {
        share(&app, &a, agent, 1, from, "10").await;
    }
    let session = app.login(&a.host, "me", &me.password).await;
    for seen in [&sub, &pending, &grandchild] {
        let answer = read(&session, seen).await;
        assert_eq!(answer.status, 200, "{}", seen.username);
        // Two routes show the same.
        let shown = session.get(&format!("/agent/sub/{}", seen.guid)).await;
        let share = of_provider(&answer, 1)["percentage"].clone();
        assert_eq!(shown.body["percentages"][0]["percentage"], share);
    }
    let absent = session.get(&format!("{SUB}?sub_guid=999999999")).await;
    absent.assert_problem(404, "not_found");
    let masked = |answer: &Answer| {
        let mut body = answer.body.clone();
        body["request_id"] = json!(null);
        body
    };
    for hidden in [
        &top,
        &me,
        &sibling,
        &grandchild,
        &cousin,
        &foreign,
        &deleted,
    ] {
        if hidden.guid != grandchild.guid {
            let answer = read(&session, hidden).await;
            assert_eq!(answer.status, 404, "{}", hidden.username);
            assert_eq!(masked(&answer), masked(&absent), "{}", hidden.username);
        }
        let body = json!({
            "sub_guid": hidden.guid, "percentages": [{ "provider_id": 1, "percentage": "1" }],
        });
        for path in [SUB, "/provider/sub/percentage"] {
            let answer = Answer::of(session.request("PUT", path).json(&body)).await;
            assert_eq!(masked(&answer), masked(&absent), "{}", hidden.username);
        }
    }
    assert_eq!(super::stage::written(&app).await, (0, 0, 0));
    for bad in ["", "?sub_guid=", "?sub_guid=x", "?sub_guid=1&sub_guid=2"] {
        let answer = session.get(&format!("{SUB}{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}
