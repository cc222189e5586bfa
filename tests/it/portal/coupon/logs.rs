//! `/agent/coupon/logs` and `/agent/coupon/recycle/logs` (P-036, P-073, P-074).

use agent_testkit::{Answer, Granter, Session, TestApp};
use serde_json::{Value, json};

/// What a log shows: pairs of coupon and action.
fn shown(answer: &Answer) -> Vec<(i64, String)> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap().iter();
    let pair = |item: &Value| {
        (
            item["coupon_id"].as_i64().unwrap(),
            item["action"].as_str().unwrap().to_owned(),
        )
    };
    items.map(pair).collect()
}

fn pairs(pairs: &[(i64, &str)]) -> Vec<(i64, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(id, action)| (*id, (*action).to_owned()))
        .collect()
}

async fn log(session: &Session<'_>, query: &str) -> Vec<(i64, String)> {
    shown(&session.get(&format!("/agent/coupon/logs{query}")).await)
}

/// Four coupons to four players: one left as it is, one used, one recycled, one expired.
async fn history(granter: &Granter<'_>, app: &TestApp) -> Vec<i64> {
    let mut coupons = Vec::new();
    for player in &granter.players {
        let body = json!({ "template_id": granter.template, "player_id": player, "remark": "well played" });
        let answer = granter.session.post("/agent/coupon/grant", &body).await;
        coupons.push(answer.body["items"][0]["coupon_id"].as_i64().unwrap());
    }
    let body = json!({ "coupon_id": coupons[2], "reason": "wrong player" });
    let answer = granter.session.post("/agent/coupon/recycle", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    app.as_owner(&format!(
        "UPDATE coupon SET status = 'used', used_at = now() WHERE coupon_id = {}; \
         UPDATE coupon SET status = 'expired' WHERE coupon_id = {}",
        coupons[1], coupons[3]
    ))
    .await;
    coupons
}

#[tokio::test]
async fn p036_p073_p074_the_logs_tell_what_was_granted_and_what_was_taken_back() {
    let app = TestApp::spawn().await;
    let brand = app.brand("history").await;
    let granter = app.granter("history", &brand, "1000", 4).await;
    let coupons = history(&granter, &app).await;
    let logs = granter.session.get("/agent/coupon/logs").await;
    let expected = pairs(&[
        (coupons[2], "recycle"),
        (coupons[3], "grant"),
        (coupons[2], "grant"),
        (coupons[1], "grant"),
        (coupons[0], "grant"),
    ]);
    assert_eq!(shown(&logs), expected);
    let recycled = granter.session.get("/agent/coupon/recycle/logs").await;
    assert_eq!(shown(&recycled), expected[..1]);
    let player = granter.players[2];
    let created_at = &recycled.body["items"][0]["created_at"];
    let whole = json!({
        "items": [{
            "coupon_id": coupons[2], "player_id": player, "player_username": format!("player-{player}"),
            "template_name": "Coupon of 100", "amount": "100.0000", "action": "recycle", "status": "recycled",
            "reason": "wrong player", "created_at": created_at,
        }],
        "total": 1, "total_capped": false, "page": 1, "page_size": 20, "summary": null,
        "next_cursor": null,
    });
    assert_eq!(recycled.body, whole);
    assert_eq!(logs.body["items"][0], whole["items"][0]);
    assert_eq!(logs.body["items"][1]["reason"], "well played");
    assert_eq!(logs.body["items"][1]["status"], "expired");
    let at = app
        .text("SELECT to_char(max(created_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') FROM coupon_log")
        .await;
    assert!(
        created_at.as_str().unwrap().starts_with(&at),
        "{recycled:?}"
    );
    for (old, new) in [("/coupon/logs", &logs), ("/coupon/recycle/logs", &recycled)] {
        let alias = granter.session.get(old).await;
        assert_eq!((alias.status, &alias.body), (200, &new.body), "{old}");
    }
    app.finish().await;
}

#[tokio::test]
async fn p073_p074_the_logs_are_filtered_by_player_and_by_state() {
    let app = TestApp::spawn().await;
    let brand = app.brand("filtered").await;
    let granter = app.granter("filtered", &brand, "1000", 4).await;
    let coupons = history(&granter, &app).await;
    let session = &granter.session;
    for (query, expected) in [
        ("?status=granted", pairs(&[(coupons[0], "grant")])),
        ("?status=used", pairs(&[(coupons[1], "grant")])),
        (
            "?status=recycled",
            pairs(&[(coupons[2], "recycle"), (coupons[2], "grant")]),
        ),
        ("?status=expired", pairs(&[(coupons[3], "grant")])),
    ] {
        assert_eq!(log(session, query).await, expected, "{query}");
    }
    let of = |at: usize| format!("?player_id={}", granter.players[at]);
    assert_eq!(log(session, &of(1)).await, pairs(&[(coupons[1], "grant")]));
    assert_eq!(log(session, &of(2)).await.len(), 2);
    assert_eq!(log(session, &format!("{}&status=used", of(2))).await, []);
    assert_eq!(log(session, "?player_id=999999").await, []);
    let recycled = async |query: &str| {
        shown(
            &session
                .get(&format!("/agent/coupon/recycle/logs{query}"))
                .await,
        )
    };
    assert_eq!(recycled(&of(1)).await, []);
    assert_eq!(recycled("?status=used").await, []);
    assert_eq!(recycled(&of(2)).await, pairs(&[(coupons[2], "recycle")]));
    for (query, status, code) in [
        ("?status=gone", 422, "validation_failed"),
        ("?player_id=x", 422, "validation_failed"),
        (
            "?date_from=2026-01-01&date_to=2026-12-31",
            422,
            "range_too_long",
        ),
        ("?page_size=101", 422, "validation_failed"),
    ] {
        for path in ["/agent/coupon/logs", "/agent/coupon/recycle/logs"] {
            let answer = session.get(&format!("{path}{query}")).await;
            answer.assert_problem(status, code);
        }
    }
    app.finish().await;
}

/// Days are the brand's: Bangkok's midnight is 17:00 UTC.
#[tokio::test]
async fn p073_ranges_are_days_of_the_brand_and_pages_are_newest_first() {
    let app = TestApp::spawn().await;
    let brand = app.brand("days").await;
    let granter = app.granter("days", &brand, "1000", 4).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    for (coupon, at) in coupons.iter().zip([
        "2026-04-27 16:59:59.999999Z",
        "2026-04-27 17:00:00Z",
        "2026-04-28 16:59:59.999999Z",
        "2026-04-28 17:00:00Z",
    ]) {
        app.as_owner(&format!(
            "UPDATE coupon_log SET created_at = '{at}' WHERE coupon_id = {coupon}"
        ))
        .await;
    }
    let session = &granter.session;
    let day = "?date_from=2026-04-28&date_to=2026-04-28";
    assert_eq!(
        log(session, day).await,
        pairs(&[(coupons[2], "grant"), (coupons[1], "grant")])
    );
    assert_eq!(log(session, "").await, [], "today is not that day");
    let days = "?date_from=2026-04-27&date_to=2026-04-29&page_size=3";
    let all = pairs(&[
        (coupons[3], "grant"),
        (coupons[2], "grant"),
        (coupons[1], "grant"),
        (coupons[0], "grant"),
    ]);
    assert_eq!(log(session, days).await, all[..3]);
    let second = format!("{days}&page=2");
    assert_eq!(log(session, &second).await, all[3..]);
    let answer = session.get(&format!("/agent/coupon/logs{second}")).await;
    assert_eq!(answer.body["total"], 4);
    app.finish().await;
}

#[tokio::test]
async fn p073_p074_logs_of_others_and_of_other_brands_do_not_show() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("own").await, app.brand("not_own").await);
    let granter = app.granter("own", &brand, "1000", 4).await;
    history(&granter, &app).await;
    app.join(&granter.agent, &other).await;
    let child = app
        .agent_under("own_child", Some(granter.agent.guid), &[&brand])
        .await;
    let player = granter.players[2];
    for session in [
        app.session(&granter.agent, &other).await,
        app.session(&child, &brand).await,
        app.granter("colleague", &brand, "1", 0).await.session,
    ] {
        for path in ["/agent/coupon/logs", "/agent/coupon/recycle/logs"] {
            for query in ["".to_owned(), format!("?player_id={player}")] {
                let answer = session.get(&format!("{path}{query}")).await;
                assert_eq!(shown(&answer), [], "{path}{query}");
                assert_eq!(answer.body["total"], 0);
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn q96_the_total_of_a_log_is_counted_up_to_ten_thousand() {
    let app = TestApp::spawn().await;
    let brand = app.brand("many").await;
    let granter = app.granter("many", &brand, "1000", 1).await;
    let plant = |count: i64| {
        format!(
            "WITH made AS (INSERT INTO coupon (brand_id, template_id, agent_id, player_id, amount, status, granted_at, \
                                               recycled_at, expires_at) \
                 SELECT {}, {}, {}, {}, 1, 'recycled', now(), now(), now() FROM generate_series(1, {count}) \
                 RETURNING coupon_id, agent_id) \
             INSERT INTO coupon_log (coupon_id, agent_id, action, actor, created_at) \
             SELECT coupon_id, agent_id, 'recycle', 'agent:' || agent_id, now() FROM made",
            brand.id, granter.template, granter.agent.guid, granter.players[0]
        )
    };
    app.as_owner(&plant(10_000)).await;
    for (capped, more) in [(false, 1), (true, 0)] {
        for path in ["/agent/coupon/logs", "/agent/coupon/recycle/logs"] {
            let answer = granter.session.get(path).await;
            assert_eq!(
                (&answer.body["total"], &answer.body["total_capped"]),
                (&json!(10_000), &json!(capped))
            );
            assert_eq!(answer.body["items"].as_array().unwrap().len(), 20);
        }
        app.as_owner(&plant(more)).await;
    }
    app.finish().await;
}
