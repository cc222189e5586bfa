//! `/agent/coupon/recycle` (P-038).

use agent_testkit::TestApp;
use serde_json::json;

#[tokio::test]
async fn p038_p072_q25_an_unused_coupon_goes_back_into_the_quota_once() {
    let app = TestApp::spawn().await;
    let brand = app.brand("again").await;
    let granter = app.granter("again", &brand, "300", 3).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let body = json!({ "coupon_ids": [coupons[2], coupons[0]], "reason": "given by mistake" });
    let answer = granter.session.post("/agent/coupon/recycle", &body).await;
    let expected = json!({ "items": [{ "coupon_id": coupons[2], "status": "recycled" },
                                     { "coupon_id": coupons[0], "status": "recycled" }] });
    assert_eq!((answer.status, &answer.body), (200, &expected));
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 100.into());
    let noted = format!(
        "SELECT count(*) FROM coupon c JOIN coupon_log l USING (coupon_id) WHERE c.status = 'recycled' \
           AND l.action = 'recycle' AND l.reason = 'given by mistake' AND l.actor = 'agent:{}' \
           AND l.created_at = c.recycled_at AND c.recycled_at > c.granted_at",
        granter.agent.guid
    );
    assert_eq!(app.count(&noted).await, 2);
    let audits = "SELECT count(*) FROM admin_audit WHERE action = 'AGENT_COUPON_RECYCLE'";
    assert_eq!(app.count(audits).await, 1);

    let before = app.books().await;
    for again in [
        &coupons[..1],
        &[coupons[2], coupons[0]],
        &[coupons[1], coupons[0]],
    ] {
        let answer = granter.session.recycle(again).await;
        answer.assert_problem(409, "coupon_not_recyclable");
    }
    assert_eq!(app.books().await, before);

    // What was given back may be granted again, and not more.
    granter
        .session
        .granted(granter.template, &granter.players[..2])
        .await;
    let refused = granter
        .session
        .grant(granter.template, &granter.players[..1])
        .await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    let by_alias = json!({ "coupon_id": coupons[1] });
    let by_alias = granter.session.post("/coupon/recycle", &by_alias).await;
    assert_eq!(by_alias.status, 200, "{by_alias:?}");
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p038_each_coupon_taken_back_is_an_event() {
    let app = TestApp::spawn().await;
    let brand = app.brand("event").await;
    let granter = app.granter("event", &brand, "300", 2).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    assert_eq!(granter.session.recycle(&coupons).await.status, 200);
    let payloads = |kind: &str| {
        let query = format!(
            "SELECT payload FROM agent_outbox WHERE event_type = 'agent.coupon.{kind}' ORDER BY id"
        );
        let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query));
        let owner = app.owner.clone();
        async move { query.fetch_all(&owner).await.unwrap() }
    };
    let granted: Vec<serde_json::Value> = payloads("granted").await;
    assert_eq!(granted.len(), 2);
    assert_eq!(payloads("recycled").await, granted);
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p038_what_was_used_or_has_expired_is_not_taken_back() {
    let app = TestApp::spawn().await;
    let brand = app.brand("over").await;
    let granter = app.granter("over", &brand, "1000", 4).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    app.as_owner(&format!(
        "UPDATE coupon SET status = 'used', used_at = now() WHERE coupon_id = {}; \
         UPDATE coupon SET expires_at = now() WHERE coupon_id = {}; \
         UPDATE coupon SET status = 'expired', expires_at = now() WHERE coupon_id = {}",
        coupons[0], coupons[1], coupons[2]
    ))
    .await;
    let before = app.books().await;
    for over in &coupons[..3] {
        for ids in [&[*over][..], &[coupons[3], *over]] {
            let answer = granter.session.recycle(ids).await;
            answer.assert_problem(409, "coupon_not_recyclable");
        }
    }
    assert_eq!(app.books().await, before);
    assert_eq!(granter.session.recycle(&coupons[3..]).await.status, 200);
    assert_eq!(app.quota_used(&granter.agent, &brand).await, 300.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

/// A coupon of an earlier month does not enlarge this month's quota.
#[tokio::test]
async fn p038_q25_the_amount_goes_back_to_the_month_that_it_was_granted_in() {
    let app = TestApp::spawn().await;
    let brand = app.brand("month").await;
    let granter = app.granter("month", &brand, "500", 3).await;
    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let agent = granter.agent.guid;
    app.as_owner(&format!(
        "INSERT INTO agent_coupon_quota (agent_id, brand_id, period, total, used) \
             VALUES ({agent}, {}, '2020-01', 400, 100), ({agent}, {0}, '2020-02', 400, 0); \
         UPDATE coupon SET quota_period = '2020-01' WHERE coupon_id = {}; \
         UPDATE coupon SET quota_period = NULL WHERE coupon_id = {}; \
         UPDATE agent_coupon_quota SET used = 100 WHERE used = 300",
        brand.id, coupons[0], coupons[1]
    ))
    .await;
    // Wherever the brand's months begin by now.
    app.set_brand(&brand, "timezone = 'Pacific/Kiritimati'")
        .await;
    assert_eq!(granter.session.recycle(&coupons).await.status, 200);
    let left = "SELECT string_agg(used::text, ' ' ORDER BY period) FROM agent_coupon_quota";
    assert_eq!(app.text(left).await, "0.0000 0.0000 0.0000");
    app.assert_coupon_books().await;
    app.finish().await;
}
