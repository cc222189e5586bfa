//! Values that are no honest ones.

use agent_testkit::TestApp;

use super::stage::{LIST, Tree, ask, listed, player};

#[tokio::test]
async fn p032_hostile_values_are_refused_or_find_nothing() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    player(1, "victim").of(&app, &tree.a, &tree.stranger).await;
    player(2, "own").of(&app, &tree.a, &tree.top).await;
    let session = tree.login(&app, &tree.top).await;
    let long = "x".repeat(65);
    let refused = [
        "keyword=%FF".to_owned(),
        format!("keyword={long}"),
        format!("tag={long}"),
        "keyword=a&keyword=b".to_owned(),
        "page=0".to_owned(),
        "page=-1".to_owned(),
        "page=1000001".to_owned(),
        "page=99999999999999999999".to_owned(),
        "page_size=0".to_owned(),
        "page_size=101".to_owned(),
        "agent_guid=1.5".to_owned(),
        "agent_guid=9223372036854775808".to_owned(),
    ];
    for query in refused {
        let answer = ask(&session, &format!("{LIST}?{query}")).await;
        answer.assert_problem(422, "validation_failed");
        assert!(!answer.text.contains(&long), "{query}");
    }
    for target in [
        "/agent/player/list?keyword=%00",
        "/agent/player/list?tag=a%00b",
        "/agent/player/%00/daily",
    ] {
        ask(&session, target)
            .await
            .assert_problem(400, "malformed_request");
    }
    for query in [
        "keyword=%25",
        "keyword=%27%29%20OR%20%28%271%27%3D%271",
        "keyword=%5C",
        "keyword=%5C%25",
        "tag=%27%3B%20DROP%20TABLE%20player%3B--",
        "tag=%22",
        "tag=%5C",
        "tag=NULL",
        &format!("keyword={}", "%F0%9F%8E%B0".repeat(64)),
    ] {
        assert!(listed(&session, query).await.is_empty(), "{query}");
    }
    assert_eq!(listed(&session, "unknown=%27").await, [2]);
    for id in [
        "x",
        "0",
        "-1",
        "1.0",
        "1%27",
        "9223372036854775808",
        "01x",
        "%25",
        "1",
    ] {
        for view in ["", "/daily", "/coupons"] {
            let answer = ask(&session, &format!("/agent/player/{id}{view}")).await;
            answer.assert_problem(404, "not_found");
        }
    }
    app.finish().await;
}
