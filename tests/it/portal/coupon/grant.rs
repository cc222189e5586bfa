//! `/agent/coupon/grant` (P-037).

use agent_testkit::TestApp;
use serde_json::json;

#[tokio::test]
async fn p037_p071_q25_a_grant_makes_a_coupon_for_each_player_out_of_the_quota() {
    let app = TestApp::spawn().await;
    let brand = app.brand("granted").await;
    let granter = app.granter("granted", &brand, "1000", 3).await;
    let sub = app
        .agent_under("granted_sub", Some(granter.agent.guid), &[])
        .await;
    let below = app.coupon_player(&sub, &brand).await;
    let mut players = granter.players.clone();
    players.reverse();
    players.push(below);
    let body = json!({ "template_id": granter.template, "player_ids": players, "remark": "for the holidays" });
    let answer = granter.session.post("/agent/coupon/grant", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let ids: Vec<i64> = answer.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["coupon_id"].as_i64().unwrap())
        .collect();
    let items = ids.iter().zip(&players).map(
        |(coupon, player)| json!({ "coupon_id": coupon, "player_id": player, "status": "granted" }),
    );
    assert_eq!(answer.body, json!({ "items": items.collect::<Vec<_>>() }));

    let by_alias = json!({ "template_id": granter.template, "player_id": below });
    let by_alias = granter.session.post("/coupon/grant", &by_alias).await;
    assert_eq!(by_alias.status, 201, "{by_alias:?}");

    assert_eq!(app.quota_used(&granter.agent, &brand).await, 500.into());
    let right = format!(
        "SELECT count(*) FROM coupon c WHERE agent_id = {} AND brand_id = {} AND template_id = {} AND amount = 100 \
           AND status = 'granted' AND granted_at BETWEEN now() - interval '1 minute' AND now() \
           AND expires_at = granted_at + interval '168 hours' \
           AND quota_period = to_char(granted_at AT TIME ZONE 'Asia/Bangkok', 'YYYY-MM')",
        granter.agent.guid, brand.id, granter.template
    );
    assert_eq!(app.count(&right).await, 5);
    let log = "SELECT count(*) FROM coupon_log l JOIN coupon c USING (coupon_id) \
               WHERE l.reason = 'for the holidays' AND l.actor = 'agent:' || c.agent_id AND l.created_at = c.granted_at";
    assert_eq!(app.count(log).await, 4);
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p037_each_coupon_is_an_event_and_each_grant_an_audit_row() {
    let app = TestApp::spawn().await;
    let brand = app.brand("told").await;
    let granter = app.granter("told", &brand, "1000", 2).await;
    let remark = "Remark-that-stays-in-the-log";
    let body =
        json!({ "template_id": granter.template, "player_ids": granter.players, "remark": remark });
    let answer = granter.session.post("/agent/coupon/grant", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let first = answer.body["items"][0]["coupon_id"].as_i64().unwrap();

    let events: Vec<(String, String, i64, serde_json::Value)> = sqlx::query_as(
        "SELECT aggregate_type, aggregate_id, brand_id, payload FROM agent_outbox \
         WHERE event_type = 'agent.coupon.granted' ORDER BY id",
    )
    .fetch_all(&app.owner)
    .await
    .unwrap();
    assert_eq!(events.len(), 2);
    let expires_at = app
        .text(&format!(
            "SELECT to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM coupon \
             WHERE coupon_id = {first}"
        ))
        .await;
    let expected = json!({
        "brand_id": brand.id, "agent_id": granter.agent.guid, "coupon_id": first, "player_id": granter.players[0],
        "template_id": granter.template, "amount": "100.0000", "currency": "THB", "expires_at": expires_at,
    });
    let (kind, id, of_brand, payload) = &events[0];
    assert_eq!(
        (kind.as_str(), id, of_brand, payload),
        ("coupon", &first.to_string(), &brand.id.0, &expected)
    );

    let audit: Vec<serde_json::Value> = sqlx::query_scalar(
        "SELECT jsonb_build_array(resource_id, old_value, new_value) FROM admin_audit \
         WHERE action = 'AGENT_COUPON_GRANT' AND resource = 'coupon'",
    )
    .fetch_all(&app.owner)
    .await
    .unwrap();
    assert_eq!(audit.len(), 1, "{audit:?}");
    assert!(!audit[0].to_string().contains(remark), "{audit:?}");
    assert_eq!(audit[0][0], format!("{first},{}", first + 1));
    assert_eq!(audit[0][1]["quota_used"], "0.0000");
    assert_eq!(audit[0][2]["quota_used"], "200.0000");
    app.drain_outbox().await;
    app.finish().await;
}

/// The last coupon that fits is granted, and one more is not: neither alone nor among others.
#[tokio::test]
async fn p037_q25_the_quota_is_never_exceeded_and_nothing_is_granted_in_part() {
    let app = TestApp::spawn().await;
    let brand = app.brand("edge").await;
    let granter = app.granter("edge", &brand, "299.9999", 3).await;
    let before = app.books().await;
    let refused = granter
        .session
        .grant(granter.template, &granter.players)
        .await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    assert_eq!(app.books().await, before);
    app.setting(&granter.agent, &brand, "coupon_quota_monthly = 300")
        .await;
    granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let before = app.books().await;
    let cheapest = app.coupon_template(&brand, "0.0001").await;
    let refused = granter.session.grant(cheapest, &granter.players[..1]).await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    assert_eq!(app.books().await, before);
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p037_a_hundred_players_are_granted_at_once() {
    let app = TestApp::spawn().await;
    let brand = app.brand("hundred").await;
    let granter = app.granter("hundred", &brand, "10000", 100).await;
    // The audit row, which names them all, has room for ids of sixteen digits.
    app.as_owner("SELECT setval(pg_get_serial_sequence('coupon', 'coupon_id'), 9007199254740000)")
        .await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    assert_eq!(coupons.len(), 100);
    let answer = granter.session.recycle(&coupons).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    app.assert_coupon_books().await;
    // The events of a request are written by one statement.
    let statements = "SELECT string_agg(concat_ws(' ', events, statements), ', ') FROM ( \
         SELECT count(*) AS events, count(DISTINCT cmin::text) AS statements FROM agent_outbox \
         GROUP BY event_type ORDER BY event_type) s";
    assert_eq!(app.text(statements).await, "100 1, 100 1");
    app.finish().await;
}

/// The largest amounts that the columns hold do not overflow on the way.
#[tokio::test]
async fn p037_the_largest_amounts_are_refused_or_granted_but_never_wrong() {
    let app = TestApp::spawn().await;
    let brand = app.brand("largest").await;
    let granter = app
        .granter("largest", &brand, "9999999999999999.9999", 100)
        .await;
    let largest = app.coupon_template(&brand, "9999999999999999.9999").await;
    app.as_owner("UPDATE coupon_template SET valid_days = 2147483647")
        .await;
    let refused = granter.session.grant(largest, &granter.players).await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    let answer = granter.session.grant(largest, &granter.players[..1]).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let list = granter.session.get("/agent/coupon/list").await;
    assert_eq!(list.body["quota"]["remaining"], "0.0000");
    let logs = granter.session.get("/agent/coupon/logs").await;
    assert_eq!(logs.body["items"][0]["amount"], "9999999999999999.9999");
    app.assert_coupon_books().await;
    app.finish().await;
}
