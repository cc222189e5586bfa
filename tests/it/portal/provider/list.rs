//! Which providers a brand offers.

use agent_testkit::TestApp;
use serde_json::{Value, json};

use super::stage::provider;

#[tokio::test]
async fn p039_p061_the_list_holds_what_the_brand_offers() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("lister", &[&a, &b]).await;
    provider(&app, 1, "zulu", &[&a, &b]).await;
    provider(&app, 2, "alpha", &[&a]).await;
    provider(&app, 3, "others", &[&b]).await;
    provider(&app, 4, "switched_off", &[&a]).await;
    provider(&app, 5, "gone", &[&a]).await;
    for change in [
        "UPDATE brand_provider SET enabled = false WHERE provider_id = 4",
        "UPDATE provider SET enabled = false WHERE provider_id = 5",
        "UPDATE provider SET category = 'live' WHERE provider_id = 1",
    ] {
        sqlx::query(change).execute(&app.owner).await.unwrap();
    }
    let view = |id: i32, code: &str, category: &str| {
        json!({
            "provider_id": id, "code": code, "name": format!("Name {code}"), "category": category,
            "enabled": true,
        })
    };
    let session = app.login(&a.host, "lister", &agent.password).await;
    let list = async |query: &str| {
        let new = session.get(&format!("/agent/provider/list{query}")).await;
        let old = session.get(&format!("/provider/list{query}")).await;
        assert_eq!((new.status, &new.body), (200, &old.body), "{query}");
        new.body
    };
    let (zulu, alpha) = (view(1, "zulu", "live"), view(2, "alpha", "slot"));
    assert_eq!(
        list("").await,
        json!({
            "items": [zulu, alpha], "total": 2, "total_capped": false, "page": 1, "page_size": 20,
            "summary": null,
        })
    );
    let items = |body: &Value| body["items"].clone();
    assert_eq!(items(&list("?category=slot").await), json!([alpha]));
    assert_eq!(items(&list("?category=none").await), json!([]));
    let second = list("?page=2&page_size=1").await;
    assert_eq!(
        (items(&second), &second["total"]),
        (json!([alpha]), &json!(2))
    );
    assert_eq!(items(&list("?page=3&page_size=1").await), json!([]));
    // The other brand of the same agent offers others.
    let session = app.login(&b.host, "lister", &agent.password).await;
    let there = session.get("/agent/provider/list").await;
    let others = view(3, "others", "slot");
    assert_eq!(there.body["items"], json!([zulu, others]));
    for bad in ["?page=0", "?page_size=101", "?page=x"] {
        let answer = session.get(&format!("/agent/provider/list{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}
