//! What a request must look like, through every door (P-071, P-072).

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

#[tokio::test]
async fn p037_p071_a_grant_that_is_none_is_refused() {
    let app = TestApp::spawn().await;
    let brand = app.brand("grants").await;
    let granter = app.granter("grants", &brand, "100000", 2).await;
    let (template, player, other) = (granter.template, granter.players[0], granter.players[1]);
    let many: Vec<i64> = (1..=101).collect();
    let before = app.books().await;
    for (body, field) in [
        (json!({ "player_id": player }), "template_id"),
        (
            json!({ "template_id": "x", "player_id": player }),
            "template_id",
        ),
        (
            json!({ "template_id": 1.5, "player_id": player }),
            "template_id",
        ),
        (json!({ "template_id": template }), "player_ids"),
        (
            json!({ "template_id": template, "player_id": player, "player_ids": [other] }),
            "player_ids",
        ),
        (
            json!({ "template_id": template, "player_ids": [] }),
            "player_ids",
        ),
        (
            json!({ "template_id": template, "player_ids": many }),
            "player_ids",
        ),
        (
            json!({ "template_id": template, "player_ids": [player, other, player] }),
            "player_ids",
        ),
        (
            json!({ "template_id": template, "player_ids": player }),
            "player_ids",
        ),
        (
            json!({ "template_id": template, "player_ids": [player, "x"] }),
            "player_ids[1]",
        ),
        (
            json!({ "template_id": template, "player_ids": [9_223_372_036_854_775_808_u64] }),
            "player_ids[0]",
        ),
        (
            json!({ "template_id": template, "player_id": player, "remark": "x".repeat(201) }),
            "remark",
        ),
        (
            json!({ "template_id": template, "player_id": player, "remark": "a\u{0}b" }),
            "remark",
        ),
    ] {
        for path in ["/agent/coupon/grant", "/coupon/grant"] {
            let answer = granter.session.post(path, &body).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
        }
    }
    assert_eq!(app.books().await, before);
    app.finish().await;
}

#[tokio::test]
async fn p038_p072_a_recycling_that_is_none_is_refused() {
    let app = TestApp::spawn().await;
    let brand = app.brand("recycles").await;
    let granter = app.granter("recycles", &brand, "100000", 1).await;
    let coupon = granter
        .session
        .granted(granter.template, &granter.players)
        .await[0];
    let many: Vec<i64> = (1..=101).collect();
    let before = app.books().await;
    for (body, field) in [
        (json!({}), "coupon_ids"),
        (
            json!({ "coupon_id": coupon, "coupon_ids": [coupon] }),
            "coupon_ids",
        ),
        (json!({ "coupon_ids": [] }), "coupon_ids"),
        (json!({ "coupon_ids": many }), "coupon_ids"),
        (json!({ "coupon_ids": [coupon, coupon] }), "coupon_ids"),
        (json!({ "coupon_id": "x" }), "coupon_id"),
        (json!({ "coupon_id": [coupon] }), "coupon_id"),
        (
            json!({ "coupon_id": coupon, "reason": "x".repeat(201) }),
            "reason",
        ),
    ] {
        for path in ["/agent/coupon/recycle", "/coupon/recycle"] {
            let answer = granter.session.post(path, &body).await;
            answer.assert_problem(422, "validation_failed");
            assert_eq!(answer.body["errors"][0]["field"], field, "{body}");
        }
    }
    assert_eq!(app.books().await, before);
    app.finish().await;
}

/// Whatever else a body says: who, where, how much and until when is decided here.
#[tokio::test]
async fn p037_p038_other_members_of_a_body_change_nothing() {
    let app = TestApp::spawn().await;
    let (brand, other) = (app.brand("extra").await, app.brand("foreign").await);
    let granter = app.granter("extra", &brand, "1000", 1).await;
    let colleague = app.granter("victim", &brand, "1000", 0).await;
    let extra = |mut body: Value| {
        for (name, value) in [
            ("brand_id", json!(other.id)),
            ("agent_id", json!(colleague.agent.guid)),
            ("agent_guid", json!(colleague.agent.guid)),
            ("amount", json!("999")),
            ("status", json!("used")),
            ("quota_period", json!("2020-01")),
            ("expires_at", json!("2099-01-01T00:00:00Z")),
            ("coupon_template_id", json!(1)),
        ] {
            body[name] = value;
        }
        body
    };
    let body = extra(json!({ "template_id": granter.template, "player_id": granter.players[0] }));
    let answer = granter.session.post("/agent/coupon/grant", &body).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let coupon = &answer.body["items"][0]["coupon_id"];
    let as_usual = format!(
        "SELECT count(*) FROM coupon WHERE agent_id = {} AND brand_id = {} AND amount = 100 AND status = 'granted' \
           AND expires_at = granted_at + interval '7 days'",
        granter.agent.guid, brand.id
    );
    assert_eq!(app.count(&as_usual).await, 1);
    let body = extra(json!({ "coupon_id": coupon }));
    let answer = granter.session.post("/agent/coupon/recycle", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(app.quota_used(&colleague.agent, &brand).await, 0.into());
    app.assert_coupon_books().await;
    app.finish().await;
}

#[tokio::test]
async fn p071_p072_old_frontends_send_forms() {
    let app = TestApp::spawn().await;
    let brand = app.brand("forms").await;
    let granter = app.granter("forms", &brand, "1000", 3).await;
    let form = async |path: &str, pairs: &[(&str, String)]| {
        Answer::of(granter.session.request("POST", path).form(pairs)).await
    };
    let template = ("template_id", granter.template.to_string());
    let player = |at: usize| granter.players[at].to_string();
    let several = [
        template.clone(),
        ("player_ids", player(0)),
        ("player_ids", player(1)),
    ];
    let answer = form("/coupon/grant", &several).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["items"].as_array().unwrap().len(), 2);
    let one = [template, ("player_id", player(2))];
    let answer = form("/coupon/grant", &one).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let coupon = answer.body["items"][0]["coupon_id"].to_string();
    let answer = form("/coupon/recycle", &[("coupon_id", coupon.clone())]).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let refused = form("/agent/coupon/recycle", &[("coupon_id", coupon)]).await;
    refused.assert_problem(415, "unsupported_media_type");
    app.assert_coupon_books().await;
    app.finish().await;
}
