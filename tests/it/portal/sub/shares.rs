//! Shares of a new agent: never more than those of the one above, at any day (P-033).

use agent_testkit::{AgentFixture, Answer, Session, TestApp};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{Family, add, everything, made, path, put};

/// Agents that on some day have more than the one above them.
const ABOVE_THEIR_PARENT: &str = "
    SELECT count(*) FROM agent c
    CROSS JOIN (SELECT DISTINCT brand_id, provider_id FROM agent_provider_percentage) w
    CROSS JOIN (SELECT DISTINCT effective_from AS day FROM agent_provider_percentage) d
    WHERE c.parent_guid IS NOT NULL
      AND provider_share(c.guid, w.brand_id, w.provider_id, d.day)
        > provider_share(c.parent_guid, w.brand_id, w.provider_id, d.day)";

/// Providers 1 and 2 of the brand; 3 is switched off there, 4 everywhere, 5 is another brand's.
async fn providers(family: &Family) {
    let (app, brand) = (&family.app, family.brand.id);
    let other = app.brand("b").await.id;
    app.as_owner(&format!(
        "INSERT INTO provider (provider_id, code, name, category, enabled) \
         SELECT n, 'p' || n, 'P' || n, 'slot', n <> 4 FROM generate_series(1, 5) n; \
         INSERT INTO brand_provider (brand_id, provider_id, enabled) \
         VALUES ({brand}, 1, true), ({brand}, 2, true), ({brand}, 3, false), ({brand}, 4, true), ({other}, 5, true)"
    ))
    .await;
}

/// Gives an agent a share from some days from today on.
async fn has(family: &Family, agent: &AgentFixture, provider: i32, days: i32, percentage: &str) {
    family
        .app
        .as_owner(&format!(
            "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
             VALUES ({}, {}, {provider}, (now() AT TIME ZONE 'Asia/Bangkok')::date + {days}, {percentage})",
            agent.guid, family.brand.id
        ))
        .await;
}

fn with(username: &str, shares: &[(i32, Value)]) -> Value {
    let shares = shares
        .iter()
        .map(|(provider, percentage)| json!({ "provider_id": provider, "percentage": percentage }));
    json!({ "username": username, "percentages": shares.collect::<Vec<_>>() })
}

async fn rows(app: &TestApp, guid: i64) -> String {
    app.text(&format!(
        "SELECT string_agg(concat_ws(' ', provider_id, percentage, set_by, brand_id, \
                effective_from - (now() AT TIME ZONE 'Asia/Bangkok')::date), ', ' ORDER BY provider_id) \
         FROM agent_provider_percentage WHERE agent_id = {guid}"
    ))
    .await
}

#[tokio::test]
async fn p033_a_new_agent_has_its_shares_from_today_on() {
    let family = Family::new().await;
    providers(&family).await;
    has(&family, &family.mid, 1, -30, "40").await;
    has(&family, &family.mid, 2, 0, "12.3456").await;
    let session = family.session(&family.mid).await;
    let body = with("shared", &[(1, json!(40)), (2, json!("12.3456"))]);
    let (guid, _) = made(&family.app, &add(&session, &body).await);
    let (mid, brand) = (family.mid.guid, family.brand.id);
    assert_eq!(
        rows(&family.app, guid).await,
        format!("1 40.0000 {mid} {brand} 0, 2 12.3456 {mid} {brand} 0")
    );
    let shown = session.get(&path(guid)).await;
    let share = |index: usize| {
        let share = &shown.body["percentages"][index];
        (share["provider_id"].clone(), share["percentage"].clone())
    };
    assert_eq!(share(0), (json!(1), json!("40.0000")), "{shown:?}");
    assert_eq!(share(1), (json!(2), json!("12.3456")), "{shown:?}");
    let list = session.get("/agent/sub/list?keyword=shared").await;
    assert_eq!(list.body["items"][0]["percentage_min"], "12.3456");
    assert_eq!(list.body["items"][0]["percentage_max"], "40.0000");
    family.app.finish().await;
}

#[track_caller]
fn refused(answer: &Answer, code: &str, field: &str) {
    answer.assert_problem(422, code);
    assert_eq!(answer.body["errors"][0]["field"], field, "{answer:?}");
}

#[tokio::test]
async fn p033_more_than_the_own_share_is_refused_whole() {
    let family = Family::new().await;
    providers(&family).await;
    for provider in [1, 2] {
        has(&family, &family.top, provider, -30, "100").await;
    }
    has(&family, &family.mid, 1, -30, "40").await;
    // A share that will shrink, one that will grow, and one of the past.
    has(&family, &family.mid, 2, -30, "90").await;
    has(&family, &family.mid, 2, -10, "30").await;
    has(&family, &family.mid, 2, 20, "20").await;
    has(&family, &family.mid, 2, 40, "50").await;
    let session = family.session(&family.mid).await;
    let before = everything(&family.app).await;
    let out = "percentage_out_of_range";
    for (shares, code, field) in [
        (
            vec![(1, json!("40.0001"))],
            out,
            "percentages[0].percentage",
        ),
        (vec![(1, json!("100"))], out, "percentages[0].percentage"),
        (
            vec![(1, json!("1")), (2, json!("20.0001"))],
            out,
            "percentages[1].percentage",
        ),
        (
            vec![(1, json!("1")), (1, json!("1"))],
            "validation_failed",
            "percentages[1].provider_id",
        ),
        (
            vec![(3, json!("0"))],
            "validation_failed",
            "percentages[0].provider_id",
        ),
        (
            vec![(4, json!("0"))],
            "validation_failed",
            "percentages[0].provider_id",
        ),
        (
            vec![(5, json!("0"))],
            "validation_failed",
            "percentages[0].provider_id",
        ),
        (
            vec![(-1, json!("0"))],
            "validation_failed",
            "percentages[0].provider_id",
        ),
        (
            vec![(1, json!("100.1"))],
            "validation_failed",
            "percentages[0].percentage",
        ),
        (
            vec![(1, json!("-1"))],
            "validation_failed",
            "percentages[0].percentage",
        ),
        (
            vec![(1, json!("1.00001"))],
            "validation_failed",
            "percentages[0].percentage",
        ),
        (
            vec![(1, json!("1e1"))],
            "validation_failed",
            "percentages[0].percentage",
        ),
        (
            vec![(1, json!(1.5))],
            "validation_failed",
            "percentages[0].percentage",
        ),
    ] {
        let body = with("greedy", &shares);
        let answer = add(&session, &body).await;
        refused(&answer, code, field);
    }
    // Who has none gives none.
    let poor = family.session(&family.sibling).await;
    let answer = add(&poor, &with("greedy", &[(1, json!("0.0001"))])).await;
    refused(&answer, out, "percentages[0].percentage");
    assert_eq!(everything(&family.app).await, before);
    let body = with("modest", &[(1, json!("40")), (2, json!("20"))]);
    made(&family.app, &add(&session, &body).await);
    made(
        &family.app,
        &add(&poor, &with("poor", &[(1, json!("0"))])).await,
    );
    assert_eq!(family.app.count(ABOVE_THEIR_PARENT).await, 0);
    family.app.finish().await;
}

/// Agents are made and shares are changed at random and at once; the property holds whatever came
/// of each request.
#[tokio::test]
async fn p033_whatever_happens_at_once_nobody_has_more_than_the_one_above() {
    let family = Family::new().await;
    providers(&family).await;
    for provider in [1, 2] {
        has(&family, &family.top, provider, -30, "60").await;
        has(&family, &family.mid, provider, -30, "50").await;
        has(&family, &family.leaf, provider, -30, "20").await;
    }
    let sessions = [
        family.session(&family.top).await,
        family.session(&family.mid).await,
        family.session(&family.leaf).await,
    ];
    let mut statuses = Vec::new();
    for round in 0..8_i32 {
        let adds = (0..6).map(|n| {
            let percentage = json!(u32::from(uuid::Uuid::new_v4().as_bytes()[0]) % 70);
            let who = &sessions[n % 3];
            let name = format!("r{round}n{n}");
            async move {
                let body = with(&name, &[(1, percentage.clone()), (2, percentage)]);
                add(who, &body).await
            }
        });
        let lowered = json!(50 - 4 * round);
        let below = json!(20 - round);
        let changes = [
            change(&sessions[0], &family.mid, lowered),
            change(&sessions[1], &family.leaf, below),
        ];
        let (added, changed) = tokio::join!(join_all(adds), join_all(changes));
        for answer in added.iter().chain(&changed) {
            assert!(answer.status < 500, "{answer:?}");
            statuses.push(answer.status);
            if let Some(password) = answer.body["initial_password"].as_str() {
                family.app.plant(password);
            }
        }
        assert_eq!(family.app.count(ABOVE_THEIR_PARENT).await, 0);
        // What was set for a day stays, and holds the next round back: it begins as the first one.
        let kept = "effective_from < (now() AT TIME ZONE 'Asia/Bangkok')::date";
        let clear = format!("DELETE FROM agent_provider_percentage WHERE NOT {kept}");
        family.app.as_owner(&clear).await;
    }
    assert!(
        statuses.contains(&201) && statuses.contains(&422) && statuses.contains(&200),
        "{statuses:?}"
    );
    family.app.finish().await;
}

async fn change(session: &Session<'_>, sub: &AgentFixture, percentage: Value) -> Answer {
    let body = json!({
        "sub_guid": sub.guid,
        "percentages": [{ "provider_id": 1, "percentage": percentage }, { "provider_id": 2, "percentage": percentage }],
    });
    put(session, "/agent/provider/sub/percentage", &body).await
}
