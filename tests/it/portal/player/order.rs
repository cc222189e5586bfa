//! Orders and pages.

use agent_testkit::{Session, TestApp};
use proptest::{
    prelude::{Strategy as _, any},
    strategy::ValueTree as _,
    test_runner::TestRunner,
};

use super::stage::{LIST, Tree, ask, ids, instant, listed, player};

/// Reads a list page by page.
async fn pages(session: &Session<'_>, query: &str, size: usize) -> Vec<i64> {
    let mut all = Vec::new();
    for page in 1.. {
        let found = listed(session, &format!("{query}&page_size={size}&page={page}")).await;
        if found.is_empty() {
            break;
        }
        all.extend(found);
    }
    all
}

#[tokio::test]
async fn p032_q96_players_are_sorted_each_way_with_nulls_last_and_ties_by_number() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    let day = |day: u8| instant(&format!("2026-03-0{day}T00:00:00Z"));
    // Number, name, registered, last login, deposited: each with ties.
    let rows = [
        (1, "bee", 2, Some(3), 100),
        (2, "Zoo", 1, None, 100),
        (3, "ant", 2, Some(1), 0),
        (4, "b", 2, Some(3), 7),
        (5, "bee2", 3, None, 100),
    ];
    for (id, name, registered, login, deposited) in rows {
        let mut new = player(id, name);
        new.registered = day(registered);
        new.last_login = login.map(day);
        new.deposited = deposited;
        new.of(
            &app,
            &tree.a,
            if id % 2 == 0 { &tree.top } else { &tree.child },
        )
        .await;
    }
    let session = tree.login(&app, &tree.top).await;
    let expected = [
        ("sort=registered_at", [2, 1, 3, 4, 5]),
        ("sort=-registered_at", [5, 4, 3, 1, 2]),
        ("", [5, 4, 3, 1, 2]),
        // Byte by byte: capital letters first.
        ("sort=username", [2, 3, 4, 1, 5]),
        ("sort=-username", [5, 1, 4, 3, 2]),
        ("sort=last_login_at", [3, 1, 4, 2, 5]),
        ("sort=-last_login_at", [4, 1, 3, 5, 2]),
        ("sort=deposit_amount", [3, 4, 1, 2, 5]),
        ("sort=-deposit_amount", [5, 2, 1, 4, 3]),
    ];
    for (query, order) in expected {
        assert_eq!(listed(&session, query).await, order, "{query}");
        for size in [1, 2, 3] {
            assert_eq!(
                pages(&session, query, size).await,
                order,
                "{query} by {size}"
            );
        }
    }
    for bad in [
        "sort=",
        "sort=-",
        "sort=--username",
        "sort=%2Busername",
        "sort=password_hash",
        "sort=username%20DESC",
        "sort=1",
        "sort=username&sort=username",
        "sort=Username",
    ] {
        let answer = ask(&session, &format!("{LIST}?{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}

#[tokio::test]
async fn q96_pages_hold_every_player_once_in_every_order() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    let mut runner = TestRunner::deterministic();
    let few = (
        0_u8..3,
        proptest::option::of(1_u8..4),
        0_i64..3,
        any::<bool>(),
    );
    for id in 1..=60 {
        let (registered, login, deposited, deep) = few.new_tree(&mut runner).unwrap().current();
        let name = format!("p{id}");
        let mut new = player(id, &name);
        new.registered = instant(&format!("2026-01-0{}T00:00:00Z", registered + 1));
        new.last_login = login.map(|day| instant(&format!("2026-02-0{day}T00:00:00Z")));
        new.deposited = deposited;
        new.of(
            &app,
            &tree.a,
            if deep { &tree.grandchild } else { &tree.child },
        )
        .await;
    }
    let session = tree.login(&app, &tree.child).await;
    for key in [
        "registered_at",
        "username",
        "last_login_at",
        "deposit_amount",
    ] {
        for sign in ["", "-"] {
            let query = format!("sort={sign}{key}");
            let whole = listed(&session, &format!("{query}&page_size=100")).await;
            let mut sorted = whole.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, (1..=60).collect::<Vec<_>>(), "{query}");
            assert_eq!(pages(&session, &query, 7).await, whole, "{query}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn q96_a_page_beyond_the_last_is_empty_and_the_total_stays() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    for id in 1..=3 {
        player(id, &format!("p{id}"))
            .of(&app, &tree.a, &tree.top)
            .await;
    }
    let session = tree.login(&app, &tree.top).await;
    for page in [
        "page=2&page_size=3",
        "page=1000000&page_size=100",
        "page=1000000",
    ] {
        let answer = ask(&session, &format!("{LIST}?{page}")).await;
        assert!(ids(&answer).is_empty(), "{page}");
        assert_eq!(
            (&answer.body["total"], &answer.body["total_capped"]),
            (&3.into(), &false.into())
        );
    }
    app.finish().await;
}
