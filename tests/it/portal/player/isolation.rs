//! Nobody sees the players of anybody who is not below.

use agent_testkit::{Session, TestApp};

use super::stage::{LIST, Tree, ask, listed, move_player, player};

/// Largest integer of a request.
const LARGEST: i64 = (1 << 53) - 1;

/// Every view of one player, and the list, agree on whether it is seen.
async fn sees(session: &Session<'_>, id: i64) -> bool {
    let is_listed = listed(session, "page_size=100").await.contains(&id);
    assert_eq!(
        listed(session, &format!("keyword={id}"))
            .await
            .contains(&id),
        is_listed,
        "{id}"
    );
    for view in ["", "/daily", "/coupons"] {
        let answer = ask(session, &format!("/agent/player/{id}{view}")).await;
        if is_listed {
            assert_eq!(answer.status, 200, "{id}{view}: {answer:?}");
        } else {
            answer.assert_problem(404, "not_found");
        }
    }
    is_listed
}

#[tokio::test]
async fn p032_p060_each_agent_sees_its_own_players_and_those_below() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    let agents = [
        &tree.top,
        &tree.child,
        &tree.grandchild,
        &tree.sibling,
        &tree.stranger,
    ];
    for (id, agent) in (1..).zip(agents) {
        player(id, &agent.username).of(&app, &tree.a, agent).await;
        let elsewhere = format!("{}-b", agent.username);
        player(10 + id, &elsewhere).of(&app, &tree.b, agent).await;
    }
    player(9, "nobody's").of(&app, &tree.a, &tree.top).await;
    move_player(&app, 9, None).await;
    let expected: [(_, &[i64]); 5] = [
        (&tree.top, &[1, 2, 3, 4]),
        (&tree.child, &[2, 3]),
        (&tree.grandchild, &[3]),
        (&tree.sibling, &[4]),
        (&tree.stranger, &[5]),
    ];
    for (agent, seen) in expected {
        let session = tree.login(&app, agent).await;
        for id in (1..=5).chain([9]).chain(11..=15).chain([99]) {
            let username = &agent.username;
            assert_eq!(
                sees(&session, id).await,
                seen.contains(&id),
                "{username} {id}"
            );
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn p032_a_path_that_begins_alike_is_another_branch() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    // 7 and 70, 71 …: the numbers of a subtree begin alike only up to the slash.
    let mut agents = Vec::new();
    for number in 0..12 {
        let name = format!("line{number}");
        agents.push(
            app.agent_under(&name, Some(tree.top.guid), &[&tree.a])
                .await,
        );
    }
    let begins_alike = |of: &str, other: &str| other != of && other.starts_with(of);
    for (number, agent) in (100..).zip(agents.iter().chain([&tree.top, &tree.child])) {
        player(number, &agent.username)
            .of(&app, &tree.a, agent)
            .await;
    }
    let all: Vec<String> = agents.iter().map(|agent| agent.guid.to_string()).collect();
    let alike = [tree.top.guid, tree.child.guid]
        .map(|guid| guid.to_string())
        .iter()
        .any(|of| all.iter().any(|other| begins_alike(of, other)));
    assert!(alike, "no number of the tree begins like another: {all:?}");
    let session = tree.login(&app, &tree.child).await;
    assert_eq!(listed(&session, "page_size=100").await, [113]);
    app.finish().await;
}

#[tokio::test]
async fn p032_a_player_that_moved_away_is_gone_at_once() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    player(1, "mover").of(&app, &tree.a, &tree.grandchild).await;
    let child = tree.login(&app, &tree.child).await;
    let sibling = tree.login(&app, &tree.sibling).await;
    let top = tree.login(&app, &tree.top).await;
    for (to, by_child, by_sibling, by_top) in [
        (Some(&tree.grandchild), true, false, true),
        (Some(&tree.sibling), false, true, true),
        (Some(&tree.child), true, false, true),
        (Some(&tree.stranger), false, false, false),
        (None, false, false, false),
        (Some(&tree.top), false, false, true),
    ] {
        move_player(&app, 1, to).await;
        assert_eq!(sees(&child, 1).await, by_child);
        assert_eq!(sees(&sibling, 1).await, by_sibling);
        assert_eq!(sees(&top, 1).await, by_top);
    }
    app.finish().await;
}

#[tokio::test]
async fn p032_the_place_of_a_player_cannot_be_written_by_hand() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    player(1, "steady").of(&app, &tree.a, &tree.stranger).await;
    sqlx::query("UPDATE player SET agent_path = (SELECT path FROM agent WHERE guid = $1)")
        .bind(tree.top.guid.0)
        .execute(&app.owner)
        .await
        .unwrap();
    let top = tree.login(&app, &tree.top).await;
    assert!(!sees(&top, 1).await);
    let stranger = tree.login(&app, &tree.stranger).await;
    assert!(sees(&stranger, 1).await);
    app.finish().await;
}

#[tokio::test]
async fn p032_players_of_an_agent_are_asked_for_only_from_above() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    for (id, agent) in (1..).zip([&tree.top, &tree.child, &tree.grandchild, &tree.sibling]) {
        player(id, &agent.username).of(&app, &tree.a, agent).await;
    }
    let session = tree.login(&app, &tree.child).await;
    let of = |guid: i64, scope: &str| format!("agent_guid={guid}&scope={scope}&sort=username");
    let (child, grandchild) = (tree.child.guid.0, tree.grandchild.guid.0);
    assert_eq!(listed(&session, &of(child, "team")).await, [2, 3]);
    assert_eq!(listed(&session, &of(child, "direct")).await, [2]);
    assert_eq!(listed(&session, &of(grandchild, "team")).await, [3]);
    assert_eq!(listed(&session, "scope=direct").await, [2]);
    assert_eq!(listed(&session, "sort=username").await, [2, 3]);
    for guid in [
        tree.top.guid.0,
        tree.sibling.guid.0,
        tree.stranger.guid.0,
        999_999,
        0,
        -1,
        LARGEST,
    ] {
        let path = format!("{LIST}?agent_guid={guid}");
        ask(&session, &path).await.assert_problem(404, "not_found");
    }
    // An agent that belongs to the other brand alone is not known here.
    let foreign = app
        .agent_under("foreign", Some(tree.child.guid), &[&tree.b])
        .await;
    let path = format!("{LIST}?agent_guid={}", foreign.guid);
    ask(&session, &path).await.assert_problem(404, "not_found");
    app.finish().await;
}
