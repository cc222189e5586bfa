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
