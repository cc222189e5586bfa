//! What items and summary of a list add up.

use agent_testkit::{AgentFixture, TestApp};
use chrono::NaiveDate;
use serde_json::{Value, json};

use super::stage::{LIST, Tree, ask, days_ago, ids, move_player, played, player, today};

fn sums(of: &Value) -> Value {
    let mut sums = json!({});
    for name in [
        "deposit_amount",
        "withdraw_amount",
        "bet_amount",
        "valid_bet_amount",
        "win_amount",
        "ngr",
    ] {
        sums[name] = of[name].clone();
    }
    sums
}

fn amounts(deposit: &str, withdraw: &str, bet: &str, valid: &str, win: &str, ngr: &str) -> Value {
    json!({
        "deposit_amount": deposit, "withdraw_amount": withdraw, "bet_amount": bet, "valid_bet_amount": valid,
        "win_amount": win, "ngr": ngr,
    })
}

/// One day of 100: 10 paid in, 5 out, 50 won, and 6 of bonus, fee and royalty.
fn day_of_100() -> Value {
    amounts(
        "10.0000", "5.0000", "100.0000", "99.0000", "50.0000", "44.0000",
    )
}

fn nothing() -> Value {
    let zero = "0.0000";
    amounts(zero, zero, zero, zero, zero, zero)
}

async fn rolled_up(
    app: &TestApp,
    tree: &Tree,
    agent: &AgentFixture,
    scope: &str,
    day: NaiveDate,
    bet: i64,
) {
    sqlx::query(
        "INSERT INTO agent_stat_daily (stat_date, brand_id, agent_id, scope, deposit_amount, withdraw_amount, \
             bet_amount, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount) \
         VALUES ($1, $2, $3, $4, $5 + 1, $5 + 2, $5, $5 - 1, 1, 2, 3, 4)",
    )
    .bind(day)
    .bind(tree.a.id.0)
    .bind(agent.guid.0)
    .bind(scope)
    .bind(bet)
    .execute(&app.owner)
    .await
    .unwrap();
}

#[tokio::test]
async fn q96_items_show_the_sums_of_the_range_and_of_the_whole_life() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    for id in 1..=2 {
        let name = format!("p{id}");
        let mut new = player(id, &name);
        new.deposited = 1000;
        new.of(&app, &tree.a, &tree.child).await;
    }
    let (today, yesterday, before) = (today(&app), days_ago(&app, 1), days_ago(&app, 2));
    played(&app, &tree.a, &tree.child, 1, today, 0, 100).await;
    for provider in [3, 4] {
        played(&app, &tree.a, &tree.child, 1, yesterday, provider, 100).await;
    }
    played(&app, &tree.a, &tree.child, 1, before, 3, 7_000_000).await;
    let session = tree.login(&app, &tree.top).await;
    let list = async |range: &str| {
        let answer = ask(&session, &format!("{LIST}?sort=username&{range}")).await;
        assert_eq!(ids(&answer), [1, 2], "{range}");
        answer.body
    };
    let body = list("").await;
    assert_eq!(sums(&body["items"][0]), day_of_100());
    assert_eq!(sums(&body["items"][1]), nothing());
    assert_eq!(
        body["items"][0]["lifetime"],
        json!({ "deposit_amount": "1000.0000", "withdraw_amount": "500.0000" })
    );
    assert_eq!(
        body["items"][0]["agent"],
        json!({ "guid": tree.child.guid.0, "username": "child" })
    );
    let body = list(&format!("date_from={yesterday}&date_to={today}")).await;
    let three = amounts(
        "30.0000", "15.0000", "300.0000", "297.0000", "150.0000", "132.0000",
    );
    assert_eq!(sums(&body["items"][0]), three);
    let body = list(&format!("date_from={yesterday}&date_to={yesterday}")).await;
    assert_eq!(body["items"][0]["bet_amount"], "200.0000");
    app.finish().await;
}

#[tokio::test]
async fn q96_the_summary_is_of_the_roll_up_or_of_the_players_that_a_filter_leaves() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    let (today, yesterday) = (today(&app), days_ago(&app, 1));
    for (id, agent) in [
        (1, &tree.top),
        (2, &tree.child),
        (3, &tree.child),
        (4, &tree.stranger),
    ] {
        let name = format!("p{id}");
        player(id, &name).of(&app, &tree.a, agent).await;
        played(&app, &tree.a, agent, id, today, 3, 100).await;
        played(&app, &tree.a, agent, id, yesterday, 3, 900).await;
    }
    for (agent, scope, day, bet) in [
        (&tree.top, "team", today, 1000),
        (&tree.top, "team", yesterday, 20_000),
        (&tree.top, "direct", today, 300),
        (&tree.child, "team", today, 4000),
        (&tree.stranger, "team", today, 5000),
    ] {
        rolled_up(&app, &tree, agent, scope, day, bet).await;
    }
    let session = tree.login(&app, &tree.top).await;
    let summary = async |query: &str| {
        let answer = ask(&session, &format!("{LIST}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body["summary"].clone()
    };
    let rolled = amounts(
        "1001.0000",
        "1002.0000",
        "1000.0000",
        "999.0000",
        "1.0000",
        "990.0000",
    );
    assert_eq!(summary("").await, rolled);
    // A page has the summary of all pages.
    assert_eq!(summary("page=9&page_size=1").await, rolled);
    let both = format!("date_from={yesterday}&date_to={today}");
    assert_eq!(summary(&both).await["bet_amount"], "21000.0000");
    assert_eq!(summary("scope=direct").await["bet_amount"], "300.0000");
    let child = tree.child.guid;
    assert_eq!(
        summary(&format!("agent_guid={child}")).await["bet_amount"],
        "4000.0000"
    );
    assert_eq!(
        summary(&format!("agent_guid={child}&scope=direct")).await,
        nothing()
    );
    // With a filter, the days of the players themselves.
    assert_eq!(summary("status=active").await["bet_amount"], "300.0000");
    assert_eq!(summary("keyword=p1").await, day_of_100());
    assert_eq!(summary("keyword=p1&page_size=1&page=2").await, day_of_100());
    assert_eq!(summary("keyword=p4").await, nothing());
    assert_eq!(
        summary(&format!("keyword=p&{both}")).await["bet_amount"],
        "3000.0000"
    );
    assert_eq!(summary("keyword=p&scope=direct").await, day_of_100());
    app.finish().await;
}

/// As in the roll-ups: a day counts for the agent who had the player then.
#[tokio::test]
async fn q97_days_under_another_agent_are_not_shown() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    player(1, "mover").of(&app, &tree.a, &tree.child).await;
    let (today, yesterday) = (today(&app), days_ago(&app, 1));
    played(&app, &tree.a, &tree.child, 1, yesterday, 3, 900).await;
    move_player(&app, 1, Some(&tree.sibling)).await;
    played(&app, &tree.a, &tree.sibling, 1, today, 3, 100).await;
    let range = format!("date_from={yesterday}&date_to={today}");
    for (agent, bet) in [(&tree.sibling, "100.0000"), (&tree.top, "1000.0000")] {
        let session = tree.login(&app, agent).await;
        let list = ask(&session, &format!("{LIST}?keyword=mover&{range}"))
            .await
            .body;
        assert_eq!(list["items"][0]["bet_amount"], bet);
        assert_eq!(list["summary"]["bet_amount"], bet);
        let daily = ask(&session, &format!("/agent/player/1/daily?{range}"))
            .await
            .body;
        assert_eq!(daily["summary"]["bet_amount"], bet);
        let detail = ask(&session, "/agent/player/1").await.body;
        assert_eq!(detail["lifetime"]["bet_amount"], bet);
    }
    app.finish().await;
}
