//! Coupons of a player.

use agent_testkit::{BrandFixture, TestApp};
use serde_json::{Value, json};

use super::stage::{Tree, ask, move_player, player};

async fn template(app: &TestApp, brand: &BrandFixture, id: i64) {
    sqlx::query(
        "INSERT INTO coupon_template (template_id, brand_id, name, amount, valid_days) VALUES ($1, $2, 'Gift', 100, 7)",
    )
    .bind(id)
    .bind(brand.id.0)
    .execute(&app.owner)
    .await
    .unwrap();
}

async fn coupon(app: &TestApp, tree: &Tree, id: i64, player: i64, status: &str, granted: &str) {
    sqlx::query(
        "INSERT INTO coupon (coupon_id, brand_id, template_id, agent_id, player_id, amount, status, granted_at, \
                             used_at, expires_at) \
         VALUES ($1, $2, 1, $3, $4, 100, $5, $6::text::timestamptz, \
                 CASE $5 WHEN 'used' THEN $6::text::timestamptz END, $6::text::timestamptz + interval '7 days')",
    )
    .bind(id)
    .bind(tree.a.id.0)
    .bind(tree.child.guid.0)
    .bind(player)
    .bind(status)
    .bind(granted)
    .execute(&app.owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn p032_p060_coupons_of_a_player_are_listed_by_day_and_state() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    template(&app, &tree.a, 1).await;
    for id in 1..=2 {
        player(id, &format!("p{id}"))
            .of(&app, &tree.a, &tree.child)
            .await;
    }
    // Bangkok's 2 March begins at 17:00 UTC of 1 March.
    for (id, player, status, granted) in [
        (1, 1, "used", "2026-03-01T16:59:59Z"),
        (2, 1, "granted", "2026-03-01T17:00:00Z"),
        (3, 1, "used", "2026-03-02T05:00:00Z"),
        (4, 1, "recycled", "2026-03-02T05:00:00Z"),
        (5, 1, "expired", "2026-03-02T17:00:00Z"),
        (6, 2, "granted", "2026-03-02T05:00:00Z"),
    ] {
        coupon(&app, &tree, id, player, status, granted).await;
    }
    let session = tree.login(&app, &tree.top).await;
    let list = async |query: &str| {
        let answer = ask(&session, &format!("/agent/player/1/coupons?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body
    };
    let numbers = |body: &Value| -> Vec<i64> {
        let items = body["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["coupon_id"].as_i64().unwrap())
            .collect()
    };
    let second = "date_from=2026-03-02&date_to=2026-03-02";
    let body = list(second).await;
    assert_eq!(numbers(&body), [4, 3, 2]);
    assert_eq!(
        (&body["total"], &body["summary"]),
        (&json!(3), &json!(null))
    );
    assert_eq!(
        body["items"][1],
        json!({
            "coupon_id": 3, "template_id": 1, "name": "Gift", "amount": "100.0000", "status": "used",
            "granted_at": "2026-03-02T05:00:00Z", "used_at": "2026-03-02T05:00:00Z", "recycled_at": null,
            "expires_at": "2026-03-09T05:00:00Z",
        })
    );
    let march = "date_from=2026-03-01&date_to=2026-03-31";
    assert_eq!(numbers(&list(march).await), [5, 4, 3, 2, 1]);
    assert_eq!(
        numbers(&list(&format!("{march}&status=used")).await),
        [3, 1]
    );
    assert_eq!(
        numbers(&list(&format!("{march}&page=2&page_size=2")).await),
        [3, 2]
    );
    assert_eq!(
        numbers(&list(&format!("{march}&page=9")).await),
        [] as [i64; 0]
    );
    // Today, where nothing is said.
    assert_eq!(numbers(&list("").await), [] as [i64; 0]);
    for bad in ["status=", "status=lost", "date_to=x", "page_size=1000"] {
        let answer = ask(&session, &format!("/agent/player/1/coupons?{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}

/// A player that moved brings none of the coupons that another tree gave it.
#[tokio::test]
async fn p032_coupons_of_another_tree_stay_there() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    template(&app, &tree.a, 1).await;
    player(1, "mover").of(&app, &tree.a, &tree.child).await;
    coupon(&app, &tree, 1, 1, "granted", "2026-03-02T05:00:00Z").await;
    move_player(&app, 1, Some(&tree.sibling)).await;
    let path = "/agent/player/1/coupons?date_from=2026-03-02&date_to=2026-03-02";
    for (agent, total) in [(&tree.sibling, 0), (&tree.top, 1)] {
        let session = tree.login(&app, agent).await;
        let answer = ask(&session, path).await;
        assert_eq!(answer.body["total"], total, "{answer:?}");
        assert_eq!(answer.body["items"].as_array().unwrap().len(), total);
    }
    app.finish().await;
}
