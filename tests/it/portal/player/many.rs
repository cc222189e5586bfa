//! More players than a list counts.

use agent_testkit::TestApp;
use serde_json::json;

use super::stage::{LIST, Tree, ask, ids, listed};

/// So many players of `child`; every second one is locked.
async fn crowd(app: &TestApp, tree: &Tree, count: i64) {
    sqlx::query(
        "INSERT INTO player (player_id, brand_id, agent_id, username, status, registered_at, last_login_at, \
                             deposit_amount) \
         SELECT n, $1, $2, 'p' || n, CASE n % 2 WHEN 0 THEN 'locked' ELSE 'active' END, now() - n * interval '1 s', \
                CASE WHEN n % 3 > 0 THEN now() - n % 5 * interval '1 h' END, n % 7 \
         FROM generate_series(1, $3::bigint) AS n",
    )
    .bind(tree.a.id.0)
    .bind(tree.child.guid.0)
    .bind(count)
    .execute(&app.owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn q96_above_ten_thousand_the_total_is_capped_and_a_filter_has_no_summary() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    crowd(&app, &tree, 10_000).await;
    let session = tree.login(&app, &tree.top).await;
    let facts = async |query: &str| {
        let answer = ask(&session, &format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        let has_summary = answer.body["summary"].is_object();
        (
            answer.body["total"].clone(),
            answer.body["total_capped"].clone(),
            has_summary,
        )
    };
    assert_eq!(facts("").await, (json!(10_000), json!(false), true));
    assert_eq!(
        facts("keyword=p").await,
        (json!(10_000), json!(false), true)
    );
    super::stage::player(10_001, "p10001")
        .of(&app, &tree.a, &tree.top)
        .await;
    assert_eq!(facts("").await, (json!(10_000), json!(true), true));
    assert_eq!(
        facts("keyword=p").await,
        (json!(10_000), json!(true), false)
    );
    assert_eq!(
        facts("keyword=p&status=locked").await,
        (json!(5_000), json!(false), true)
    );
    app.finish().await;
}

/// The last page that the total tells of is there; beyond it a narrower filter is asked for.
#[tokio::test]
async fn q96_pages_reach_as_far_as_the_total() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    crowd(&app, &tree, 10_005).await;
    let session = tree.login(&app, &tree.top).await;
    let last: Vec<i64> = (9_991..=10_000).collect();
    assert_eq!(listed(&session, "page=1000&page_size=10").await, last);
    assert_eq!(listed(&session, "page=334&page_size=30").await, last);
    for beyond in [
        "page=1001&page_size=10",
        "page=335&page_size=30",
        "page=1000000&page_size=100",
    ] {
        let answer = ask(&session, &format!("{LIST}?{beyond}")).await;
        assert!(ids(&answer).is_empty(), "{beyond}");
        assert_eq!(answer.body["total"], 10_000);
    }
    app.finish().await;
}

/// What a player of the crowd is sorted by.
fn key(sort: &str, n: i64) -> (i64, String) {
    match sort {
        "registered_at" => (-n, String::new()),
        "username" => (0, format!("p{n}")),
        "last_login_at" if n % 3 == 0 => (0, String::new()),
        "last_login_at" => (-(n % 5), String::new()),
        _ => (n % 7, String::new()),
    }
}

#[tokio::test]
async fn q96_a_large_team_is_sorted_as_a_small_one() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    crowd(&app, &tree, 10_005).await;
    let session = tree.login(&app, &tree.top).await;
    for sort in [
        "registered_at",
        "username",
        "last_login_at",
        "deposit_amount",
    ] {
        for descending in [false, true] {
            let mut all: Vec<i64> = (1..=10_005).collect();
            all.sort_by_key(|n| (key(sort, *n), *n));
            if descending {
                all.reverse();
            }
            // Those who never signed in come last, whichever way.
            all.sort_by_key(|n| sort == "last_login_at" && n % 3 == 0);
            let sign = if descending { "-" } else { "" };
            for page in [1, 2, 67, 100] {
                let query = format!("sort={sign}{sort}&page_size=100&page={page}");
                let shown = listed(&session, &query).await;
                assert_eq!(shown, all[(page - 1) * 100..page * 100], "{query}");
            }
        }
    }
    app.finish().await;
}
