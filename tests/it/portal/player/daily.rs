//! What a player did day by day.

use agent_testkit::TestApp;
use serde_json::{Value, json};

use super::stage::{Tree, ask, days_ago, played, player, today};

#[tokio::test]
async fn p032_p060_the_days_of_a_range_are_all_there_newest_first() {
    let app = TestApp::spawn().await;
    let tree = Tree::plant(&app).await;
    player(1, "daily").of(&app, &tree.a, &tree.child).await;
    player(2, "other").of(&app, &tree.a, &tree.child).await;
    let (today, before) = (today(&app), days_ago(&app, 2));
    for (id, day, provider, stake) in [
        (1, today, 0, 100),
        (1, today, 3, 200),
        (1, before, 3, 400),
        (1, days_ago(&app, 3), 3, 7000),
        (2, today, 3, 50_000),
    ] {
        played(&app, &tree.a, &tree.child, id, day, provider, stake).await;
    }
    let session = tree.login(&app, &tree.top).await;
    let daily = async |query: &str| {
        let answer = ask(&session, &format!("/agent/player/1/daily?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer:?}");
        answer.body
    };
    let bets = |body: &Value| -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let items = body["items"].as_array().unwrap();
        let bet = |item: &Value| (text(&item["date"]), text(&item["bet_amount"]));
        items.iter().map(bet).collect()
    };
    let day = |ago: u64, bet: &str| (days_ago(&app, ago).to_string(), bet.to_owned());
    let body = daily(&format!("date_from={before}&date_to={today}")).await;
    let expected = [day(0, "300.0000"), day(1, "0.0000"), day(2, "400.0000")];
    assert_eq!(bets(&body), expected);
    assert_eq!(
        (&body["total"], &body["total_capped"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(
        body["summary"],
        json!({
            "deposit_amount": "70.0000", "deposit_count": 3, "withdraw_amount": "35.0000", "withdraw_count": 6,
            "bet_amount": "700.0000", "bet_count": 9, "valid_bet_amount": "697.0000", "win_amount": "350.0000",
            "bonus_amount": "3.0000", "ngr": "332.0000",
        })
    );
    // A page shows part of the days and adds up all.
    let page = daily(&format!(
        "date_from={before}&date_to={today}&page=2&page_size=2"
    ))
    .await;
    assert_eq!(bets(&page), expected[2..]);
    assert_eq!(page["summary"], body["summary"]);
    assert_eq!(bets(&daily("").await), expected[..1]);
    assert_eq!(bets(&daily("provider_id=3").await), [day(0, "200.0000")]);
    assert_eq!(bets(&daily("provider_id=0").await), [day(0, "100.0000")]);
    assert_eq!(bets(&daily("provider_id=9").await), [day(0, "0.0000")]);
    assert_eq!(
        daily("page=1000000&page_size=100").await["items"],
        json!([])
    );
    for bad in [
        "provider_id=x",
        "page=0",
        "date_from=x",
        "date_from=2026-01-02&date_to=2026-01-01",
    ] {
        let answer = ask(&session, &format!("/agent/player/1/daily?{bad}")).await;
        answer.assert_problem(422, "validation_failed");
    }
    let long = "date_from=2026-01-01&date_to=2026-04-03";
    let answer = ask(&session, &format!("/agent/player/1/daily?{long}")).await;
    answer.assert_problem(422, "range_too_long");
    app.finish().await;
}
