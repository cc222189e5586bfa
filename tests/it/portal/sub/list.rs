//! The list of agents below (P-033, Q-96).

use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

use super::stage::Family;

fn usernames(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let items = answer.body["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["username"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn p033_a_list_shows_who_is_directly_below_or_everybody() {
    let family = Family::new().await;
    let top = family.session(&family.top).await;
    let direct = top.get("/agent/sub/list").await;
    assert_eq!(usernames(&direct), ["sibling", "mid"], "the newest first");
    assert_eq!(direct.body["total"], 2);
    assert_eq!(direct.body["summary"], Value::Null);
    let same = top.get("/agent/sub/list?scope=direct").await;
    assert_eq!(same.body, direct.body);
    let team = top.get("/agent/sub/list?scope=team").await;
    assert_eq!(usernames(&team), ["sibling", "leaf", "mid"]);
    let leaf = &team.body["items"][1];
    assert_eq!(leaf["level"], 3);
    assert_eq!(
        leaf["parent"],
        json!({ "guid": family.mid.guid, "username": "mid" })
    );
    assert_eq!(leaf["nick_name"], "Nick leaf");
    assert_eq!(leaf["status"], "active");
    assert_eq!(leaf["brand_status"], "enabled");
    assert_eq!(team.body["items"][2]["sub_count"], 1);
    // The brand offers no provider.
    assert_eq!(leaf["percentage_min"], Value::Null);
    for (agent, path) in [
        (&family.leaf, "/agent/sub/list?scope=team"),
        (&family.stranger, "/agent/sub/list?scope=team"),
    ] {
        let answer = family.session(agent).await.get(path).await;
        assert_eq!(usernames(&answer), [""; 0]);
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_keyword_and_state_narrow_a_list() {
    let family = Family::new().await;
    let (app, top) = (&family.app, family.top.guid);
    for name in ["a_b", "axb", "A%c", "a\\d"] {
        app.agent_under(name, Some(top), &[&family.brand]).await;
    }
    app.set_agent(&family.sibling, "nick_name", "Zorro 100%")
        .await;
    app.set_agent(&family.mid, "status", "locked").await;
    let session = family.session(&family.top).await;
    for (query, expected) in [
        ("keyword=a_", vec!["a_b"]),
        ("keyword=a%25", vec!["A%c"]),
        ("keyword=A%5C", vec!["a\\d"]),
        ("keyword=A", vec!["a\\d", "A%c", "axb", "a_b"]),
        ("keyword=%25", vec![]),
        ("keyword=_", vec![]),
        ("keyword=%20mid%20", vec!["mid"]),
        ("keyword=MID", vec!["mid"]),
        ("keyword=id", vec![]),
        ("keyword=zorro%20100%25", vec!["sibling"]),
        ("keyword=leaf", vec![]),
        ("keyword=leaf&scope=team", vec!["leaf"]),
        ("keyword='%20OR%201=1", vec![]),
        ("status=locked", vec!["mid"]),
        ("status=active&keyword=mid", vec![]),
        ("status=locked&keyword=m", vec!["mid"]),
    ] {
        let answer = session.get(&format!("/agent/sub/list?{query}")).await;
        assert_eq!(usernames(&answer), expected, "{query}");
        assert_eq!(answer.body["total"], json!(expected.len()), "{query}");
    }
    let long = "k".repeat(65);
    for query in [
        "status=deleted",
        "scope=all",
        "page=0",
        "page_size=101",
        "date_from=2026-13-01",
        "keyword=%00",
        &format!("keyword={long}"),
    ] {
        let answer = session.get(&format!("/agent/sub/list?{query}")).await;
        assert!(matches!(answer.status, 400 | 422), "{query}: {answer:?}");
    }
    let range = "date_from=2026-01-01&date_to=2026-06-01";
    let answer = session.get(&format!("/agent/sub/list?{range}")).await;
    answer.assert_problem(422, "range_too_long");
    family.app.finish().await;
}

#[tokio::test]
async fn p033_q96_pages_follow_one_another_without_gap_or_repeat() {
    let family = Family::new().await;
    many(&family.app, family.top.guid.0, family.brand.id.0, 45).await;
    let session = family.session(&family.top).await;
    let mut seen = Vec::new();
    for page in 1..=4 {
        let path = format!("/agent/sub/list?page={page}&page_size=15&keyword=bulk");
        let answer = session.get(&path).await;
        assert_eq!(answer.body["total"], 45, "{answer:?}");
        assert_eq!(answer.body["total_capped"], false);
        seen.extend(usernames(&answer).into_iter().map(str::to_owned));
    }
    assert_eq!(seen.len(), 45);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 45);
    family.app.finish().await;
}

/// Agents directly below another one, all made at the same moment.
pub(super) async fn many(app: &TestApp, parent: i64, brand: i64, count: i64) {
    app.as_owner(&format!(
        "WITH made AS (INSERT INTO agent (username, password_hash, parent_guid, invite_code, created_at) \
         SELECT 'bulk' || n, 'x', {parent}, 'bulk-' || n, now() FROM generate_series(1, {count}) n RETURNING guid) \
         INSERT INTO agent_brand (agent_id, brand_id, status) SELECT guid, {brand}, 'enabled' FROM made"
    ))
    .await;
}

#[tokio::test]
async fn p033_q97_sums_are_those_of_the_team_over_the_range_on_the_brand() {
    let family = Family::new().await;
    let (app, brand) = (&family.app, family.brand.id);
    let other = app.brand("b").await.id;
    let mid = family.mid.guid;
    let row = |brand: agent_domain::BrandId, scope: &str, day: &str, factor: i64| {
        format!(
            "INSERT INTO agent_stat_daily (stat_date, brand_id, agent_id, scope, new_players, new_subs, active_players, \
             ftd_count, ftd_amount, deposit_amount, deposit_count, withdraw_amount, withdraw_count, bet_amount, \
             bet_count, valid_bet_amount, win_amount, bonus_amount, fee_amount, royalty_amount, commission) \
             SELECT '{day}', {brand}, {mid}, '{scope}', n, 2*n, 3*n, 4*n, 5*n, 6*n, 7*n, 8*n, 9*n, 100*n, 11*n, 90*n, \
             40*n, 13*n, 14*n, 15*n, 16.5*n FROM (VALUES ({factor})) v (n);"
        )
    };
    app.as_owner(
        &[
            row(brand, "team", "2026-03-01", 1),
            row(brand, "team", "2026-03-02", 10),
            row(brand, "team", "2026-03-03", 100),
            row(brand, "team", "2026-03-04", 1000),
            row(brand, "direct", "2026-03-02", 100_000),
            row(other, "team", "2026-03-02", 1_000_000),
        ]
        .concat(),
    )
    .await;
    app.as_owner(&format!(
        "INSERT INTO player (player_id, brand_id, agent_id, username, registered_at) VALUES \
         (1, {brand}, {mid}, 'p1', now()), (2, {brand}, {mid}, 'p2', now()), (3, {other}, {mid}, 'p3', now()), \
         (4, {brand}, {}, 'p4', now())",
        family.leaf.guid
    ))
    .await;
    let session = family.session(&family.top).await;
    let path = "/agent/sub/list?keyword=mid&date_from=2026-03-02&date_to=2026-03-03";
    let answer = session.get(path).await;
    let item = &answer.body["items"][0];
    assert_eq!(
        item["team"],
        json!({
            "new_players": 110, "new_subs": 220, "ftd_count": 440, "ftd_amount": "550.0000",
            "deposit_amount": "660.0000", "deposit_count": 770, "withdraw_amount": "880.0000", "withdraw_count": 990,
            "bet_amount": "11000.0000", "bet_count": 1210, "valid_bet_amount": "9900.0000",
            "win_amount": "4400.0000", "bonus_amount": "1430.0000", "ggr": "6600.0000", "ngr": "1980.0000",
        }),
        "{answer:?}"
    );
    assert_eq!(item["commission"], "1815.0000");
    assert_eq!(item["player_count"], 2, "its own, on the brand");
    let today = session.get("/agent/sub/list?keyword=mid").await;
    let team = &today.body["items"][0]["team"];
    assert_eq!(
        (&team["bet_amount"], &team["ngr"]),
        (&json!("0.0000"), &json!("0.0000"))
    );
    family.app.finish().await;
}

#[tokio::test]
async fn p033_q95_the_largest_sums_are_shown() {
    let family = Family::new().await;
    family
        .app
        .as_owner(&format!(
            "INSERT INTO agent_stat_daily (stat_date, brand_id, agent_id, scope, deposit_amount, bet_amount, win_amount, \
             fee_amount, bet_count) \
             SELECT d, {}, {}, 'team', 9999999999999999.9999, 9999999999999999.9999, -9999999999999999.9999, \
             9999999999999999.9999, 2147483647 FROM generate_series('2026-01-01'::date, '2026-04-02'::date, '1 day') d",
            family.brand.id, family.mid.guid
        ))
        .await;
    let session = family.session(&family.top).await;
    let path = "/agent/sub/list?keyword=mid&date_from=2026-01-01&date_to=2026-04-02";
    let answer = session.get(path).await;
    let team = &answer.body["items"][0]["team"];
    assert_eq!(
        team["deposit_amount"], "919999999999999999.9908",
        "{answer:?}"
    );
    assert_eq!(team["ggr"], "1839999999999999999.9816");
    assert_eq!(team["bet_count"], json!(92 * i64::from(i32::MAX)));
    family.app.finish().await;
}
