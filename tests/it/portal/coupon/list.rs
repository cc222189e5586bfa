//! `/agent/coupon/list`: what may be granted (P-036).

use agent_testkit::TestApp;
use serde_json::json;

#[tokio::test]
async fn p036_the_list_shows_the_quota_and_the_enabled_templates_of_the_brand() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("shown").await, app.brand("hidden").await);
    let granter = app.granter("shown", &brand, "1000", 2).await;
    let off = app.coupon_template(&brand, "1").await;
    app.as_owner(&format!(
        "UPDATE coupon_template SET enabled = false WHERE template_id = {off}"
    ))
    .await;
    app.coupon_template(&other, "7").await;
    let second = app.coupon_template(&brand, "12.3456").await;

    let resets_at = app
        .text(
            "SELECT to_char(((date_trunc('month', now() AT TIME ZONE 'Asia/Bangkok') + interval '1 month') \
             AT TIME ZONE 'Asia/Bangkok') AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')",
        )
        .await;
    let items = json!([
        { "template_id": granter.template, "name": "Coupon of 100", "amount": "100.0000", "wagering": "3.0000",
          "valid_days": 7 },
        { "template_id": second, "name": "Coupon of 12.3456", "amount": "12.3456", "wagering": "3.0000",
          "valid_days": 7 },
    ]);
    let quota = |used: &str, remaining: &str| {
        json!({ "quota": { "total": "1000.0000", "used": used, "remaining": remaining, "resets_at": resets_at },
                "items": items })
    };
    let before = app.books().await;
    let list = granter.session.get("/agent/coupon/list").await;
    assert_eq!(
        (list.status, list.body),
        (200, quota("0.0000", "1000.0000"))
    );
    assert_eq!(app.books().await, before, "a look writes nothing");

    let coupons = granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let list = granter.session.get("/agent/coupon/list").await;
    assert_eq!(list.body, quota("200.0000", "800.0000"));
    granter.session.recycle(&coupons[..1]).await;
    let list = granter.session.get("/agent/coupon/list").await;
    assert_eq!(list.body, quota("100.0000", "900.0000"));
    app.finish().await;
}

/// What is set when the month's first coupon is granted holds for the month.
#[tokio::test]
async fn p036_without_a_setting_there_is_no_quota_and_a_month_keeps_its_total() {
    let app = TestApp::spawn().await;
    let brand = app.brand("unset").await;
    let granter = app.granter("unset", &brand, "NULL", 1).await;
    let total = async || {
        let list = granter.session.get("/agent/coupon/list").await;
        list.body["quota"]["total"].as_str().unwrap().to_owned()
    };
    assert_eq!(total().await, "0.0000");
    let refused = granter
        .session
        .grant(granter.template, &granter.players)
        .await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    // The refusal has not begun the month.
    app.setting(&granter.agent, &brand, "coupon_quota_monthly = 150")
        .await;
    assert_eq!(total().await, "150.0000");
    granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    app.setting(&granter.agent, &brand, "coupon_quota_monthly = 900")
        .await;
    assert_eq!(total().await, "150.0000");
    let refused = granter
        .session
        .grant(granter.template, &granter.players)
        .await;
    refused.assert_problem(409, "coupon_quota_exceeded");
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p036_quotas_of_brands_and_of_agents_do_not_mix() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("one").await, app.brand("two").await);
    let granter = app.granter("mixed", &brand, "300", 1).await;
    app.join(&granter.agent, &other).await;
    app.setting(&granter.agent, &other, "coupon_quota_monthly = 70")
        .await;
    let colleague = app.granter("colleague", &brand, "500", 0).await;
    granter
        .session
        .granted(granter.template, &granter.players)
        .await;
    let elsewhere = app.session(&granter.agent, &other).await;
    for (session, total, used) in [
        (&granter.session, "300.0000", "100.0000"),
        (&elsewhere, "70.0000", "0.0000"),
        (&colleague.session, "500.0000", "0.0000"),
    ] {
        let list = session.get("/agent/coupon/list").await;
        let quota = &list.body["quota"];
        assert_eq!(
            (quota["total"].as_str(), quota["used"].as_str()),
            (Some(total), Some(used))
        );
    }
    assert_eq!(
        elsewhere.get("/agent/coupon/list").await.body["items"],
        json!([])
    );
    app.finish().await;
}
