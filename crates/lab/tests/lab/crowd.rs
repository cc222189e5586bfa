//! `seed --players`.

use std::collections::BTreeMap;

use agent_testkit::{TestApp, probe};
use rust_decimal::Decimal;

use crate::support::{lab, none, rows, seeded_small};

const CROWD: &str = "SELECT count(*) FROM player p JOIN agent a ON a.guid = p.agent_id, agent top \
                     WHERE top.username = 'demo_agent' AND starts_with(a.path, top.path) AND p.username LIKE '%\\_%'";

async fn number(app: &TestApp, query: &'static str) -> i64 {
    rows::<(i64,)>(app, query).await[0].0
}

/// As it stands in the tables that the crowd adds nothing to, and the agents that were there before.
async fn demo_set(app: &TestApp) -> BTreeMap<String, String> {
    let tables = probe::table_contents(&app.owner).await.into_iter();
    let grows = ["agent", "player", "stat_", "sqlx"];
    let mut kept: BTreeMap<String, String> = tables
        .filter(|(name, _)| !grows.iter().any(|word| name.contains(word)))
        .collect();
    let agents: Vec<(String,)> = rows(
        app,
        "SELECT a::text FROM agent a WHERE username NOT LIKE 'crowd\\_%' ORDER BY guid",
    )
    .await;
    kept.insert("agents".to_owned(), format!("{agents:?}"));
    kept
}

#[tokio::test]
async fn q80_a_crowd_comes_on_top_of_the_demo_set_once() {
    let app = seeded_small().await;
    let before = demo_set(&app).await;
    let run = lab(&app, &["seed", "--players", "2500"]).await;
    assert!(run.err.contains("100 % 2500 players"), "{run:?}");
    assert!(run.ok().contains("demo_agent: "));
    assert_eq!(number(&app, CROWD).await, 2500);
    assert_eq!(demo_set(&app).await, before);
    let again = lab(&app, &["seed", "--players", "2500"]).await.ok();
    assert!(again.contains("nothing was changed"), "{again}");
    assert_eq!(number(&app, CROWD).await, 2500);
    let login = app
        .login("brand-a.localhost", "demo_agent", "demo-password-1")
        .await;
    let list = login.get("/agent/player/list?page_size=1").await;
    assert!(list.body["total"].as_i64() >= Some(2500), "{list:?}");
    app.finish().await;
}

#[tokio::test]
async fn q97_the_days_of_a_crowd_add_up() {
    let app = TestApp::spawn().await;
    let arguments = ["seed", "--agents", "20", "--players", "2500"];
    lab(&app, &arguments).await.ok();
    none(
        &rows(
            &app,
            "SELECT p.username FROM player p JOIN agent a ON a.guid = p.agent_id \
             WHERE p.agent_path <> a.path OR p.registered_at < a.created_at OR p.registered_at > now() \
                OR p.last_login_at NOT BETWEEN p.registered_at AND now() \
                OR p.first_deposit_at NOT BETWEEN p.registered_at AND now() \
                OR (p.first_deposit_at IS NULL) <> (p.deposit_amount = 0)",
        )
        .await,
        "a player out of time",
    );
    none(
        &rows(
            &app,
            "SELECT username FROM player p JOIN (SELECT player_id, sum(deposit_amount) AS paid, \
                    sum(withdraw_amount) AS taken FROM player_stat_daily GROUP BY 1) s USING (player_id) \
             WHERE paid > deposit_amount OR taken > withdraw_amount",
        )
        .await,
        "a life holds less than its days",
    );
    let sums: Vec<(Decimal, Decimal)> = rows(
        &app,
        "SELECT (SELECT sum(s.bet_amount) FROM player_stat_daily s JOIN agent a ON a.guid = s.agent_id, agent top \
                 WHERE top.username = 'demo_agent' AND starts_with(a.path, top.path)), \
                (SELECT sum(t.bet_amount) FROM agent_stat_daily t JOIN agent a ON a.guid = t.agent_id \
                 WHERE t.scope = 'team' AND a.username = 'demo_agent')",
    )
    .await;
    assert!(
        sums[0].0 > Decimal::ZERO && sums[0].0 == sums[0].1,
        "{sums:?}"
    );
    assert_eq!(number(&app, "SELECT count(*) FROM stat_dirty").await, 0);
    app.finish().await;
}
