//! The tree below an agent (P-033).

use agent_testkit::{Answer, TestApp};
use serde_json::Value;

use super::{
    list::many,
    stage::{Family, set_status},
};

/// `top(mid(leaf+),sibling)`: names, children in brackets, `+` for more.
fn drawn(node: &Value) -> String {
    let mut text = node["username"].as_str().unwrap().to_owned();
    let children = node["children"].as_array().unwrap();
    if !children.is_empty() {
        let children: Vec<String> = children.iter().map(drawn).collect();
        text += &format!("({})", children.join(","));
    }
    if node["has_more"] == true {
        text.push('+');
    }
    text
}

fn tree(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    drawn(&answer.body)
}

#[tokio::test]
async fn p033_a_tree_is_shown_down_to_a_depth() {
    let family = Family::new().await;
    let app = &family.app;
    let mut last = family.leaf.guid;
    for name in ["deep4", "deep5", "deep6", "deep7"] {
        let agent = app.agent_under(name, Some(last), &[&family.brand]).await;
        last = agent.guid;
    }
    let top = family.session(&family.top).await;
    let mid = family.mid.guid;
    for (query, expected) in [
        (String::new(), "top(mid(leaf+),sibling)"),
        ("?depth=1".to_owned(), "top(mid+,sibling)"),
        (
            "?depth=5".to_owned(),
            "top(mid(leaf(deep4(deep5(deep6+)))),sibling)",
        ),
        (format!("?root={mid}&depth=1"), "mid(leaf+)"),
        (
            format!("?root={mid}&depth=5"),
            "mid(leaf(deep4(deep5(deep6(deep7)))))",
        ),
        (format!("?root={}", family.sibling.guid), "sibling"),
    ] {
        let answer = top.get(&format!("/agent/sub/tree{query}")).await;
        assert_eq!(tree(&answer), expected, "{query}");
    }
    assert_eq!(set_status(&top, mid.0, "locked").await.status, 204);
    let answer = top.get("/agent/sub/tree?depth=1").await;
    let shown = &answer.body["children"][0];
    assert_eq!(
        (shown["status"].as_str(), shown["level"].as_i64()),
        (Some("locked"), Some(2))
    );
    for query in ["depth=0", "depth=6", "depth=x", "root=x", "depth=99999"] {
        let answer = top.get(&format!("/agent/sub/tree?{query}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_a_tree_is_cut_at_500_agents() {
    let app = TestApp::spawn().await;
    let brand = app.brand("wide").await;
    let top = app.agent("top", &[&brand]).await;
    many(&app, top.guid.0, brand.id.0, 620).await;
    let session = app.session(&top, &brand).await;
    let answer = session.get("/agent/sub/tree?depth=5").await;
    assert_eq!(answer.body["children"].as_array().unwrap().len(), 499);
    assert_eq!(answer.body["has_more"], true);
    app.finish().await;
}
