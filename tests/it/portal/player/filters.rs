//! What narrows a list.

use agent_testkit::TestApp;
use serde_json::json;

use super::stage::{LIST, Tree, ask, instant, listed, player};

#[tokio::test]
async fn p032_a_keyword_is_the_beginning_of_a_name_or_a_whole_number() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    for (id, name) in [
        (1, "nok"),
        (2, "nok2"),
        (3, "anok"),
        (12, "1x"),
        (4, "NOK"),
        (5, "n%k"),
        (6, "n_k"),
        (7, r"n\k"),
        (8, "O'Nok"),
        (9, "นก"),
    ] {
        player(id, name).of(&app, &tree.a, &tree.top).await;
    }
    let session = tree.login(&app, &tree.top).await;
    let found = async |keyword: &str| {
        let mut found = listed(&session, &format!("keyword={keyword}")).await;
        found.sort_unstable();
        found
    };
    assert_eq!(found("nok").await, [1, 2]);
    assert_eq!(found("nok2").await, [2]);
    assert_eq!(found("NOK").await, [4]);
    // A number, and names that begin with it.
    assert_eq!(found("1").await, [1, 12]);
    assert_eq!(found("12").await, [12]);
    assert_eq!(found("0012").await, [12]);
    assert_eq!(found("n%25").await, [5]);
    assert_eq!(found("n_").await, [6]);
    assert_eq!(found("n%5C").await, [7]);
    assert_eq!(found("O'").await, [8]);
    assert_eq!(found("%E0%B8%99").await, [9]);
    assert_eq!(found("").await.len(), 10);
    for nobody in [
        "%25",
        "_",
        "ok",
        "nok%25",
        "%27 OR 1=1--",
        "99999999999999999999",
        "-1",
        "%2B1",
    ] {
        assert!(found(nobody).await.is_empty(), "{nobody}");
    }
    app.finish().await;
}

#[tokio::test]
async fn p032_state_tag_and_day_of_registration_narrow_the_list() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    // Bangkok's 2 March begins at 17:00 UTC of 1 March.
    let rows: [(i64, &str, &[&str], &str); 5] = [
        (1, "active", &["vip"], "2026-03-01T16:59:59.999999Z"),
        (2, "locked", &["vip", "new"], "2026-03-01T17:00:00Z"),
        (3, "closed", &["new"], "2026-03-02T16:59:59.999999Z"),
        (4, "active", &["vi"], "2026-03-02T17:00:00Z"),
        (5, "active", &[], "2026-03-05T00:00:00Z"),
    ];
    for (id, status, tags, registered) in rows {
        let name = format!("p{id}");
        let mut new = player(id, &name);
        (new.status, new.tags, new.registered) = (status, tags, instant(registered));
        new.of(&app, &tree.a, &tree.child).await;
    }
    let session = tree.login(&app, &tree.top).await;
    let expected: [(&str, &[i64]); 15] = [
        ("status=active", &[1, 4, 5]),
        ("status=locked", &[2]),
        ("status=closed", &[3]),
        ("tag=vip", &[1, 2]),
        ("tag=vi", &[4]),
        ("tag=none", &[]),
        ("tag=%7Bvip%7D", &[]),
        ("registered_from=2026-03-02", &[2, 3, 4, 5]),
        ("registered_to=2026-03-02", &[1, 2, 3]),
        (
            "registered_from=2026-03-02&registered_to=2026-03-02",
            &[2, 3],
        ),
        (
            "registered_from=0001-01-01&registered_to=9999-12-31",
            &[1, 2, 3, 4, 5],
        ),
        ("tag=vip&status=locked", &[2]),
        ("tag=vip&status=closed", &[]),
        ("keyword=p&tag=new&registered_from=2026-03-02", &[2, 3]),
        ("scope=direct", &[]),
    ];
    for (query, seen) in expected {
        let path = format!("{LIST}?sort=username&{query}");
        let answer = ask(&session, &path).await;
        assert_eq!(super::stage::ids(&answer), seen, "{query}");
        assert_eq!(answer.body["total"], json!(seen.len()), "{query}");
    }
    for bad in [
        "status=",
        "status=gone",
        "status=ACTIVE",
        "scope=all",
        "registered_from=2026-3-2",
        "registered_to=tomorrow",
        "registered_from=2026-02-30",
        "registered_from=2026-03-03&registered_to=2026-03-02",
        "agent_guid=x",
        "date_from=2026-03-03&date_to=2026-03-02",
    ] {
        let answer = ask(&session, &format!("{LIST}?{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    let long = "date_from=2026-01-01&date_to=2026-04-03";
    let answer = ask(&session, &format!("{LIST}?{long}")).await;
    answer.assert_problem(422, "range_too_long");
    app.finish().await;
}
