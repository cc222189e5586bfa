//! Reports of direct subs (P-075, P-076, P-078).

use std::time::Duration;

use agent_testkit::{AgentFixture, BrandFixture, Session, TestApp};
use agent_worker::{jobs::RollUp, supervisor::Job as _};
use serde_json::{Value, json};

const MARCH: &str = "date_from=2026-03-02&date_to=2026-03-03";

/// The agent's player bets on a day.
async fn bet(app: &TestApp, brand: &BrandFixture, agent: &AgentFixture, day: &str, amount: i64) {
    app.as_owner(&format!(
        "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) \
         VALUES ({guid} * 100 + {brand}, {brand}, {guid}, 'p-' || {guid}, '2026-01-01') ON CONFLICT DO NOTHING; \
         INSERT INTO player_stat_daily (stat_date, brand_id, player_id, agent_id, provider_id, bet_amount, bet_count) \
         VALUES ('{day}', {brand}, {guid} * 100 + {brand}, {guid}, 1, {amount}, 1)",
        guid = agent.guid,
        brand = brand.id,
    ))
    .await;
}

async fn roll_up(app: &TestApp) {
    let mut job = RollUp::new(app.app.core.clone(), Duration::from_secs(15));
    while app.count("SELECT count(*) FROM stat_dirty").await > 0 {
        job.step().await.unwrap();
    }
}

async fn get(session: &Session<'_>, path: &str) -> Value {
    let answer = session.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

fn told(list: &Value, names: &[&str]) -> Value {
    let items = list["items"].as_array().unwrap().iter();
    let of = |item: &Value| -> Value { names.iter().map(|name| item[*name].clone()).collect() };
    items.map(of).collect()
}

/// A top with three subs, one of whom has one below; a second brand that only one sub serves.
async fn scene() -> (TestApp, BrandFixture, BrandFixture, Vec<AgentFixture>) {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let top = app.agent("top", &[&a, &b]).await;
    let alba = app.agent_under("Alba", Some(top.guid), &[&a, &b]).await;
    let alma = app.agent_under("alma", Some(top.guid), &[&a]).await;
    let zoe = app.agent_under("zoe", Some(top.guid), &[&a]).await;
    let below = app.agent_under("below", Some(alba.guid), &[&a]).await;
    bet(&app, &a, &top, "2026-03-02", 1).await;
    bet(&app, &a, &alba, "2026-03-02", 20).await;
    bet(&app, &a, &below, "2026-03-02", 300).await;
    bet(&app, &a, &below, "2026-03-03", 4000).await;
    bet(&app, &a, &alma, "2026-03-03", 50000).await;
    bet(&app, &a, &alma, "2026-03-04", 600_000).await;
    bet(&app, &b, &alba, "2026-03-03", 7).await;
    roll_up(&app).await;
    (app, a, b, vec![top, alba, alma, zoe, below])
}

#[tokio::test]
async fn p075_direct_subs_with_their_teams() {
    let (app, a, b, agents) = scene().await;
    let session = app.login(&a.host, "top", &agents[0].password).await;
    let path = format!("/agent/sub/statistic?{MARCH}");
    let list = get(&session, &path).await;
    let expected = json!([
        ["Alba", "4320.0000"],
        ["alma", "50000.0000"],
        ["zoe", "0.0000"]
    ]);
    assert_eq!(told(&list, &["username", "bet_amount"]), expected);
    assert_eq!(
        (&list["total"], &list["total_capped"]),
        (&json!(3), &json!(false))
    );
    assert_eq!(list["summary"]["bet_amount"], "54320.0000");
    // A page is a part of it; the summary is not.
    let page = get(&session, &format!("{path}&page=2&page_size=1")).await;
    assert_eq!(told(&page, &["username"]), json!([["alma"]]));
    assert_eq!(
        (&page["total"], &page["summary"]),
        (&json!(3), &list["summary"])
    );
    // A keyword is the beginning of a name, whatever its case, and no pattern.
    let found = get(&session, &format!("{path}&keyword=AL")).await;
    assert_eq!(told(&found, &["username"]), json!([["Alba"], ["alma"]]));
    let found = get(&session, &format!("{path}&keyword=Nick+z")).await;
    assert_eq!(told(&found, &["username"]), json!([["zoe"]]));
    assert_eq!(found["summary"]["bet_amount"], "0.0000");
    for pattern in ["%25", "_", "lba", "top", "below"] {
        let found = get(&session, &format!("{path}&keyword={pattern}")).await;
        assert_eq!(found["total"], 0, "{pattern}");
    }
    let long = "x".repeat(65);
    let refused = session.get(&format!("{path}&keyword={long}")).await;
    refused.assert_problem(422, "validation_failed");
    // The other brand knows one of them, and has numbers of its own.
    let there = app.login(&b.host, "top", &agents[0].password).await;
    let list = get(&there, &path).await;
    assert_eq!(
        told(&list, &["username", "bet_amount"]),
        json!([["Alba", "7.0000"]])
    );
    // Who has nobody below sees nobody, above and beside least of all.
    let zoe = app.login(&a.host, "zoe", &agents[3].password).await;
    let list = get(&zoe, &path).await;
    assert_eq!(
        (&list["items"], &list["summary"]["bet_amount"]),
        (&json!([]), &json!("0.0000"))
    );
    app.finish().await;
}

#[tokio::test]
async fn p075_deleted_subs_are_not_shown() {
    let (app, a, _, agents) = scene().await;
    app.set_agent(&agents[2], "status", "deleted").await;
    let session = app.login(&a.host, "top", &agents[0].password).await;
    for path in ["/agent/sub/statistic", "/agent/sub/statistic/daily"] {
        let list = get(&session, &format!("{path}?{MARCH}")).await;
        assert_eq!(list["total"], 2, "{list}");
        assert_eq!(list["summary"]["bet_amount"], "4320.0000");
        // Whoever is named by a keyword is summed up one by one, and that is the same.
        let named = get(&session, &format!("{path}?{MARCH}&keyword=a")).await;
        assert_eq!(named["summary"], list["summary"]);
    }
    app.finish().await;
}

#[tokio::test]
async fn p075_subs_that_a_brand_does_not_know_are_not_summed_up() {
    let (app, _, b, agents) = scene().await;
    bet(&app, &b, &agents[2], "2026-03-03", 9).await;
    roll_up(&app).await;
    let session = app.login(&b.host, "top", &agents[0].password).await;
    for path in ["/agent/sub/statistic", "/agent/sub/statistic/daily"] {
        let list = get(&session, &format!("{path}?{MARCH}")).await;
        assert_eq!(
            told(&list, &["username", "bet_amount"]),
            json!([["Alba", "7.0000"]])
        );
        assert_eq!(
            (&list["total"], &list["summary"]["bet_amount"]),
            (&json!(1), &json!("7.0000"))
        );
    }
    app.finish().await;
}

/// One that came before brands were noted at agents, and lost its last brand.
#[tokio::test]
async fn p075_subs_without_any_brand_are_not_summed_up() {
    let (app, a, _, agents) = scene().await;
    let lost = app.agent_under("lost", Some(agents[0].guid), &[&a]).await;
    bet(&app, &a, &lost, "2026-03-03", 9_000_000).await;
    roll_up(&app).await;
    app.as_owner(&format!(
        "UPDATE agent SET created_on = NULL WHERE guid = {0}; DELETE FROM agent_brand WHERE agent_id = {0}",
        lost.guid
    ))
    .await;
    let session = app.login(&a.host, "top", &agents[0].password).await;
    for path in ["/agent/sub/statistic", "/agent/sub/statistic/daily"] {
        let list = get(&session, &format!("{path}?{MARCH}")).await;
        assert_eq!(
            (&list["total"], &list["summary"]["bet_amount"]),
            (&json!(3), &json!("54320.0000"))
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn p076_direct_subs_day_by_day() {
    let (app, a, _, agents) = scene().await;
    let session = app.login(&a.host, "top", &agents[0].password).await;
    let path = format!("/agent/sub/statistic/daily?{MARCH}");
    let list = get(&session, &path).await;
    let expected = json!([
        ["2026-03-03", "Alba", "4000.0000", 1],
        ["2026-03-03", "alma", "50000.0000", 1],
        ["2026-03-02", "Alba", "320.0000", 2],
    ]);
    let names = ["date", "username", "bet_amount", "active_players"];
    assert_eq!(told(&list, &names), expected);
    assert_eq!(list["total"], 3);
    assert_eq!(list["summary"]["bet_amount"], "54320.0000");
    let page = get(&session, &format!("{path}&page=3&page_size=1&keyword=al")).await;
    assert_eq!(told(&page, &["date"]), json!([["2026-03-02"]]));
    app.finish().await;
}

#[tokio::test]
async fn p075_p076_p078_old_paths_show_the_same_and_hide_nothing() {
    let (app, a, _, agents) = scene().await;
    let session = app.login(&a.host, "top", &agents[0].password).await;
    for (old, new) in [
        ("/agent/agentStatistic", "/agent/sub/statistic"),
        ("/agent/agentStatisticDaily", "/agent/sub/statistic/daily"),
    ] {
        for query in [MARCH, "page=0", "date_from=x"] {
            let (old, new) = (format!("{old}?{query}"), format!("{new}?{query}"));
            let (old, new) = (session.get(&old).await, session.get(&new).await);
            assert_eq!(old.status, new.status);
            assert_eq!(
                (&old.body["items"], old.code()),
                (&new.body["items"], new.code())
            );
        }
    }
    for unknown in [
        "/agent/agentstatistic",
        "/agent/statistic",
        "/agent/agentStatistic/daily",
    ] {
        session.get(unknown).await.assert_problem(404, "not_found");
    }
    app.finish().await;
}
