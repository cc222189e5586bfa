//! How much one agent may do within an hour (P-033).

use agent_testkit::{Answer, OwnServers, Session, TestApp};
use serde_json::json;

use super::stage::{add, add_once, everything, made, named, put, reset, set_status};

#[track_caller]
fn assert_limited(answer: &Answer) {
    answer.assert_problem(429, "rate_limited");
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=3_600).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn p033_an_agent_makes_so_many_agents_within_an_hour() {
    let app = TestApp::with(&[("SUB_ADDS_PER_HOUR", "3")]).await;
    let brand = app.brand("a").await;
    let top = app.agent("top", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    let (session, second) = (
        app.session(&top, &brand).await,
        app.session(&top, &brand).await,
    );
    // What was refused before any hash is not counted.
    let nameless = add(&session, &json!({ "username": "", "percentages": [] })).await;
    nameless.assert_problem(422, "validation_failed");
    made(&app, &add_once(&session, "one", &named("sub-one")).await);
    made(&app, &add(&second, &named("sub-two")).await);
    // One that is taken costs a hash, too.
    add(&session, &named("sub-two"))
        .await
        .assert_problem(409, "conflict");
    let before = everything(&app).await;
    for session in [&session, &second] {
        assert_limited(&add(session, &named("sub-three")).await);
    }
    // A repeat under its key is answered.
    let again = add_once(&session, "one", &named("sub-one")).await;
    assert_eq!(again.status, 201, "{again:?}");
    assert_eq!(everything(&app).await, before);
    let others = app.session(&other, &brand).await;
    made(&app, &add(&others, &named("sub-three")).await);
    app.finish().await;
}

/// Of many at once no more are made than the limit says.
#[tokio::test]
async fn p033_the_limit_of_new_agents_holds_in_a_race() {
    let app = TestApp::with(&[
        ("SUB_ADDS_PER_HOUR", "4"),
        ("HTTP_REQUESTS_PER_AGENT", "64"),
    ])
    .await;
    let brand = app.brand("a").await;
    let top = app.agent("top", &[&brand]).await;
    let session = app.session(&top, &brand).await;
    let answers = (0..16).map(async |number| {
        let name = format!("racer{number}");
        add(&session, &named(&name)).await
    });
    let answers = futures_util::future::join_all(answers).await;
    for answer in &answers {
        match answer.status {
            201 => {
                made(&app, answer);
            }
            _ => assert_limited(answer),
        }
    }
    let subs = format!(
        "SELECT count(*) FROM agent WHERE parent_guid = {}",
        top.guid
    );
    assert_eq!(app.count(&subs).await, 4);
    app.finish().await;
}

#[tokio::test]
async fn p033_q85_a_parent_sets_so_many_passwords_within_an_hour() {
    const PIN: &str = "314159";
    let app = TestApp::with(&[("SUB_RESETS_PER_HOUR", "2")]).await;
    let brand = app.brand("a").await;
    let top = app.agent("top", &[&brand]).await;
    let sub = app.agent_under("sub", Some(top.guid), &[&brand]).await;
    app.payout_password(&top, PIN).await;
    app.plant(PIN);
    let session = app.session(&top, &brand).await;
    for _ in 0..2 {
        let answer = reset(&session, sub.guid.0, PIN).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        app.plant(answer.body["initial_password"].as_str().unwrap());
    }
    let before = everything(&app).await;
    assert_limited(&reset(&session, sub.guid.0, PIN).await);
    assert_eq!(everything(&app).await, before);
    app.finish().await;
}

/// Each of these leaves an audit row behind, and most an event.
async fn change(session: &Session<'_>, what: &str, sub: i64, turn: i64) -> Answer {
    match what {
        "status" => set_status(session, sub, ["locked", "active"][turn as usize % 2]).await,
        "texts" => {
            put(
                session,
                &format!("/agent/sub/{sub}"),
                &json!({ "remark": "x" }),
            )
            .await
        }
        _ => {
            let order = json!({ "amount": "600", "card_id": turn });
            session.post("/agent/withdraw/add", &order).await
        }
    }
}

#[tokio::test]
async fn p033_p037_p031_changes_of_one_agent_come_to_an_end() {
    let app = TestApp::with(&[("CHANGES_PER_HOUR", "4")]).await;
    let brand = app.brand("a").await;
    let other = app.brand("b").await;
    for what in ["status", "texts", "order", "grant"] {
        let granter = app
            .granter(&format!("agent-{what}"), &brand, "10000", 1)
            .await;
        app.join(&granter.agent, &other).await;
        let name = format!("sub-of-{what}");
        let sub = app
            .agent_under(&name, Some(granter.agent.guid), &[&brand])
            .await;
        for turn in 0..6 {
            let answer = if what == "grant" {
                granter
                    .session
                    .grant(granter.template, &granter.players)
                    .await
            } else {
                change(&granter.session, what, sub.guid.0, turn).await
            };
            if turn < 4 {
                assert_ne!(answer.status, 429, "{what}: {answer:?}");
            } else {
                assert_limited(&answer);
            }
        }
        // One count for all of them, whatever the brand.
        let elsewhere = app.session(&granter.agent, &other).await;
        assert_limited(&change(&elsewhere, "order", sub.guid.0, 1).await);
        // What ends a thing that is counted already is not stopped.
        let coupons: Vec<i64> =
            sqlx::query_scalar("SELECT coupon_id FROM coupon WHERE agent_id = $1")
                .bind(granter.agent.guid.0)
                .fetch_all(&app.owner)
                .await
                .unwrap();
        for coupon in coupons {
            let taken = granter.session.recycle(&[coupon]).await;
            assert_eq!(taken.status, 200, "{taken:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn p033_without_redis_each_process_counts_new_agents_for_itself() {
    let mut servers = OwnServers::start();
    let mut app = TestApp::on(&servers, &[("SUB_ADDS_PER_HOUR", "2")]).await;
    let brand = app.brand("a").await;
    let top = app.agent("top", &[&brand]).await;
    {
        let session = app.session(&top, &brand).await;
        servers.stop_redis();
        for name in ["sub-one", "sub-two"] {
            made(&app, &add(&session, &named(name)).await);
        }
        for name in ["sub-three", "sub-four"] {
            assert_limited(&add(&session, &named(name)).await);
        }
        let sub = "SELECT count(*) FROM agent WHERE parent_guid IS NOT NULL";
        assert_eq!(app.count(sub).await, 2);
    }
    servers.start_redis();
    app.reconnect_redis().await;
    app.finish().await;
}
