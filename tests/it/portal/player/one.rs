//! One player.

use agent_testkit::TestApp;
use serde_json::json;

use super::stage::{Tree, ask, days_ago, instant, move_player, played, player, today};

#[tokio::test]
async fn p032_p060_a_player_is_shown_with_its_life_and_its_origin() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    let mut new = player(7, "shown");
    new.tags = &["vip", "new"];
    new.last_login = Some(instant("2026-02-03T04:05:06Z"));
    new.deposited = 1000;
    new.of(&app, &tree.a, &tree.grandchild).await;
    // Long before the longest range of a report.
    for (day, provider) in [(today(&app), 0), (today(&app), 3), (days_ago(&app, 400), 3)] {
        played(&app, &tree.a, &tree.grandchild, 7, day, provider, 100).await;
    }
    let session = tree.login(&app, &tree.top).await;
    let answer = ask(&session, "/agent/player/7").await;
    assert_eq!(
        answer.body,
        json!({
            "player_id": 7, "username": "shown", "status": "active", "tags": ["vip", "new"],
            "agent": { "guid": tree.grandchild.guid.0, "username": "grandchild" },
            "registered_at": "2026-01-01T00:00:00Z", "first_deposit_at": null,
            "last_login_at": "2026-02-03T04:05:06Z",
            "lifetime": {
                "deposit_amount": "1000.0000", "withdraw_amount": "500.0000", "bet_amount": "300.0000",
                "valid_bet_amount": "297.0000", "win_amount": "150.0000", "bonus_amount": "3.0000",
                "ngr": "132.0000",
            },
            "attribution": { "domain": "play.test", "at": "2026-01-01T00:00:00Z" },
        })
    );
    sqlx::query("UPDATE player SET attribution = '{}', attributed_at = NULL")
        .execute(&app.owner)
        .await
        .unwrap();
    let answer = ask(&session, "/agent/player/7").await;
    assert_eq!(
        answer.body["attribution"],
        json!({ "domain": null, "at": null })
    );
    move_player(&app, 7, Some(&tree.stranger)).await;
    ask(&session, "/agent/player/7")
        .await
        .assert_problem(404, "not_found");
    app.finish().await;
}

/// What a player paid elsewhere is nothing that its new agent may see.
#[tokio::test]
async fn p032_p154_the_life_of_a_player_who_came_from_others_begins_with_its_coming() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    for id in [1, 2, 3] {
        let name = format!("moved{id}");
        let mut new = player(id, &name);
        new.deposited = 1_000_000;
        new.of(&app, &tree.a, &tree.stranger).await;
    }
    played(&app, &tree.a, &tree.stranger, 1, days_ago(&app, 90), 0, 900).await;
    played(&app, &tree.a, &tree.child, 1, today(&app), 0, 100).await;
    // Of the second the days at its first agent are gone, and the log tells; the third moved within
    // the tree only.
    played(&app, &tree.a, &tree.child, 2, today(&app), 0, 200).await;
    played(&app, &tree.a, &tree.sibling, 3, days_ago(&app, 9), 0, 300).await;
    for id in [1, 2, 3] {
        move_player(&app, id, Some(&tree.child)).await;
    }
    app.as_owner(&format!(
        "INSERT INTO player_attribution_log (player_id, from_agent, to_agent, reason, actor) VALUES \
         (2, {}, {}, 'moved', 'test'), (3, {}, {1}, 'moved', 'test')",
        tree.stranger.guid, tree.child.guid, tree.sibling.guid
    ))
    .await;
    let life = async |agent, id: i64| {
        let session = tree.login(&app, agent).await;
        let answer = ask(&session, &format!("/agent/player/{id}")).await;
        let life = &answer.body["lifetime"];
        let text = |name: &str| life[name].as_str().unwrap().to_owned();
        (
            text("deposit_amount"),
            text("withdraw_amount"),
            text("bet_amount"),
        )
    };
    let told = |deposit: &str, withdraw: &str, bet: &str| {
        (deposit.to_owned(), withdraw.to_owned(), bet.to_owned())
    };
    for agent in [&tree.top, &tree.child] {
        assert_eq!(life(agent, 1).await, told("10.0000", "5.0000", "100.0000"));
        assert_eq!(life(agent, 2).await, told("20.0000", "10.0000", "200.0000"));
    }
    // To the top nothing of the third is foreign; to the child the time at its sibling is.
    assert_eq!(
        life(&tree.top, 3).await,
        told("1000000.0000", "500000.0000", "300.0000")
    );
    assert_eq!(
        life(&tree.child, 3).await,
        told("0.0000", "0.0000", "0.0000")
    );
    app.finish().await;
}
