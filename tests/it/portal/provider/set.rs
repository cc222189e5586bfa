//! Giving shares to a direct sub.

use agent_testkit::{AgentFixture, Answer, BrandFixture, TestApp};
use chrono::{NaiveDate, TimeDelta};
use serde_json::{Value, json};

use super::stage::{
    before_month_ends, days, give, next_month, of_provider, provider, put, read, share, today,
    written,
};

/// Three agents, each below the other, with 60, 40 and 20 of two providers.
struct Chain {
    app: TestApp,
    brand: BrandFixture,
    top: AgentFixture,
    sub: AgentFixture,
    below: AgentFixture,
    /// First day of the brand's next month.
    next: NaiveDate,
}

impl Chain {
    async fn build() -> Self {
        let app = TestApp::spawn().await;
        let brand = app.brand("a").await;
        let top = app.agent("top", &[&brand]).await;
        let sub = app.agent_under("sub", Some(top.guid), &[&brand]).await;
        let below = app.agent_under("below", Some(sub.guid), &[&brand]).await;
        let from = days(today(&app), -70);
        for id in [1, 2] {
            provider(&app, id, &format!("p{id}"), &[&brand]).await;
            for (agent, percentage) in [(&top, "60"), (&sub, "40"), (&below, "20")] {
                share(&app, &brand, agent, id, from, percentage).await;
            }
        }
        let next = next_month(today(&app));
        Self {
            app,
            brand,
            top,
            sub,
            below,
            next,
        }
    }
}

/// The one field that a refusal names.
fn field(answer: &Answer) -> &str {
    let errors = answer.body["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1, "{answer:?}");
    errors[0]["field"].as_str().unwrap()
}

#[tokio::test]
async fn p063_q26_a_share_holds_from_the_next_month_on() {
    let Chain {
        app,
        brand,
        top,
        sub,
        next,
        ..
    } = Chain::build().await;
    let session = app.login(&brand.host, "top", &top.password).await;
    let body = json!({
        "sub_guid": sub.guid,
        "percentages": [{ "provider_id": 1, "percentage": "45.1234" }, { "provider_id": 2, "percentage": 50 }],
        // What is not asked for changes nothing.
        "brand_id": 999, "agent_id": 999, "set_by": 999, "effective_from": "2000-01-01",
    });
    let answer = put(&session, &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = of_provider(&answer, 1);
    assert_eq!(told["percentage"], "40.0000", "today's stays");
    assert_eq!(
        told["next"],
        json!({ "percentage": "45.1234", "effective_from": next })
    );
    assert_eq!(
        read(&session, &sub).await.body["items"],
        answer.body["items"]
    );
    assert_eq!(written(&app).await, (2, 1, 1));
    let entry: (String, String, String, i64, Value, Value) = sqlx::query_as(
        "SELECT operator_id, resource, resource_id, brand_id, old_value, new_value FROM admin_audit \
         WHERE action = 'AGENT_PERCENTAGE_SET'",
    )
    .fetch_one(&app.owner)
    .await
    .unwrap();
    let percentages = |first: &str, second: &str| json!([{ "provider_id": 1, "percentage": first }, { "provider_id": 2, "percentage": second }]);
    let (old, new) = (
        percentages("40.0000", "40.0000"),
        percentages("45.1234", "50.0000"),
    );
    assert_eq!(
        entry,
        (
            format!("agent:{}", top.guid),
            "agent".to_owned(),
            sub.guid.to_string(),
            brand.id.0,
            json!({ "effective_from": next, "percentages": old }),
            json!({ "effective_from": next, "percentages": new }),
        )
    );
    let event: (String, String, i64, Value) = sqlx::query_as(
        "SELECT aggregate_type, aggregate_id, brand_id, payload FROM agent_outbox \
         WHERE event_type = 'agent.percentage.changed'",
    )
    .fetch_one(&app.owner)
    .await
    .unwrap();
    let payload = json!({
        "brand_id": brand.id, "agent_id": sub.guid, "set_by": top.guid, "effective_from": next, "percentages": new,
    });
    assert_eq!(
        event,
        (
            "agent".to_owned(),
            sub.guid.to_string(),
            brand.id.0,
            payload
        )
    );
    let by = format!(
        "SELECT count(*) FROM agent_provider_percentage WHERE set_by = {}",
        top.guid
    );
    assert_eq!(app.count(&by).await, 2);
    app.finish().await;
}

#[tokio::test]
async fn q26_the_next_month_is_the_brands() {
    for (before_end, months) in [(TimeDelta::minutes(1), 1), (TimeDelta::minutes(-1), 2)] {
        let Chain {
            app,
            brand,
            top,
            sub,
            next,
            ..
        } = Chain::build().await;
        before_month_ends(&app, before_end);
        let session = app.login(&brand.host, "top", &top.password).await;
        let answer = give(&session, &sub, 1, "41").await;
        let expected = if months == 1 { next } else { next_month(next) };
        let told = of_provider(&answer, 1);
        assert_eq!(
            told["next"]["effective_from"],
            json!(expected),
            "{answer:?}"
        );
        app.finish().await;
    }
}

#[tokio::test]
async fn q26_what_was_set_for_a_day_is_never_changed() {
    let Chain {
        app,
        brand,
        top,
        sub,
        ..
    } = Chain::build().await;
    let session = app.login(&brand.host, "top", &top.password).await;
    assert_eq!(give(&session, &sub, 1, "45.5").await.status, 200);
    let once = written(&app).await;
    for same in [json!("45.5"), json!("45.5000"), json!("045.50")] {
        assert_eq!(give(&session, &sub, 1, same).await.status, 200);
    }
    assert_eq!(written(&app).await, once, "the same share is no change");
    let other = give(&session, &sub, 1, "45").await;
    other.assert_problem(409, "conflict");
    // Neither does one that could be set stand for one that could not.
    let both = json!({
        "sub_guid": sub.guid,
        "percentages": [{ "provider_id": 2, "percentage": "50" }, { "provider_id": 1, "percentage": "50" }],
    });
    put(&session, &both).await.assert_problem(409, "conflict");
    assert_eq!(written(&app).await, once);
    // With what is there already only the new one is written.
    let both = json!({
        "sub_guid": sub.guid,
        "percentages": [{ "provider_id": 2, "percentage": "50" }, { "provider_id": 1, "percentage": "45.5" }],
    });
    assert_eq!(put(&session, &both).await.status, 200);
    assert_eq!(written(&app).await, (2, 2, 2));
    app.finish().await;
}

#[tokio::test]
async fn p063_q26_a_share_is_at_most_mine_now_and_later() {
    let Chain {
        app,
        brand,
        top,
        sub,
        next,
        ..
    } = Chain::build().await;
    let session = app.login(&brand.host, "top", &top.password).await;
    // Mine is 60 today, 55 from the next month on, and 50 after a while.
    share(&app, &brand, &top, 1, next, "55").await;
    share(&app, &brand, &top, 1, days(next, 50), "50").await;
    for (percentage, fits) in [
        ("60", false),
        ("55", false),
        ("50.0001", false),
        ("50", true),
    ] {
        let answer = give(&session, &sub, 1, percentage).await;
        if fits {
            assert_eq!(answer.status, 200, "{percentage}: {answer:?}");
        } else {
            answer.assert_problem(422, "percentage_out_of_range");
            assert_eq!(field(&answer), "percentages[0].percentage");
        }
    }
    // Where the sub already has another share before mine falls, that one counts from then on.
    share(&app, &brand, &top, 2, days(next, 50), "30").await;
    give(&session, &sub, 2, "45")
        .await
        .assert_problem(422, "percentage_out_of_range");
    share(&app, &brand, &sub, 2, days(next, 50), "25").await;
    assert_eq!(give(&session, &sub, 2, "45").await.status, 200);
    assert_eq!(written(&app).await, (2, 2, 2));
    app.finish().await;
}

#[tokio::test]
async fn p063_q26_a_share_is_at_least_what_the_sub_gave() {
    let Chain {
        app,
        brand,
        top,
        sub,
        below,
        next,
        ..
    } = Chain::build().await;
    let session = app.login(&brand.host, "top", &top.password).await;
    let answer = give(&session, &sub, 1, "19.9999").await;
    answer.assert_problem(422, "percentage_out_of_range");
    assert_eq!(field(&answer), "percentages[0].percentage");
    // Those below are to have more after a while.
    share(&app, &brand, &below, 1, days(next, 31), "35").await;
    give(&session, &sub, 1, "34")
        .await
        .assert_problem(422, "percentage_out_of_range");
    // Every one of them counts, also one that is locked.
    let another = app.agent_under("another", Some(sub.guid), &[&brand]).await;
    share(&app, &brand, &another, 1, days(next, -40), "38").await;
    app.set_agent(&another, "status", "locked").await;
    give(&session, &sub, 1, "37")
        .await
        .assert_problem(422, "percentage_out_of_range");
    assert_eq!(written(&app).await, (0, 0, 0));
    assert_eq!(give(&session, &sub, 1, "38").await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn q26_whoever_has_no_share_gives_none() {
    let Chain {
        app,
        brand,
        top,
        sub,
        ..
    } = Chain::build().await;
    provider(&app, 3, "unshared", &[&brand]).await;
    let session = app.login(&brand.host, "top", &top.password).await;
    give(&session, &sub, 3, "0.0001")
        .await
        .assert_problem(422, "percentage_out_of_range");
    assert_eq!(give(&session, &sub, 3, "0").await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn q26_q95_malformed_shares_are_refused_and_nothing_is_written() {
    let Chain {
        app,
        brand,
        top,
        sub,
        ..
    } = Chain::build().await;
    let elsewhere = app.brand("b").await;
    provider(&app, 8, "elsewhere", &[&elsewhere]).await;
    provider(&app, 9, "off", &[&brand]).await;
    sqlx::query("UPDATE brand_provider SET enabled = false WHERE provider_id = 9")
        .execute(&app.owner)
        .await
        .unwrap();
    let session = app.login(&brand.host, "top", &top.password).await;
    let with = |percentages: Value| json!({ "sub_guid": sub.guid, "percentages": percentages });
    let first = |provider: Value, percentage: Value| {
        with(json!([{ "provider_id": provider, "percentage": percentage }]))
    };
    let many: Vec<Value> = (0..201)
        .map(|id| json!({ "provider_id": id, "percentage": "1" }))
        .collect();
    let twice =
        json!([{ "provider_id": 1, "percentage": "30" }, { "provider_id": 1, "percentage": "31" }]);
    let percentage = "percentages[0].percentage";
    let mut cases = vec![
        (with(json!([])), "percentages"),
        (with(json!(many)), "percentages"),
        (with(json!("1")), "percentages"),
        (with(twice), "percentages[1].provider_id"),
        (first(json!(8), json!("1")), "percentages[0].provider_id"),
        (first(json!(9), json!("1")), "percentages[0].provider_id"),
        (first(json!(0), json!("1")), "percentages[0].provider_id"),
        (first(json!(77), json!("1")), "percentages[0].provider_id"),
        (
            json!({ "percentages": [{ "provider_id": 1, "percentage": "30" }] }),
            "sub_guid",
        ),
    ];
    for bad in [
        json!(30.5),
        json!(30.0),
        json!(-1),
        json!(101),
        json!(true),
        json!(null),
        json!([30]),
        json!("-1"),
        json!("+1"),
        json!("1e1"),
        json!("NaN"),
        json!("100.0001"),
        json!("30.12345"),
        json!(""),
        json!(" 30"),
        json!("٣٠"),
        json!("99999999999999999999999999"),
    ] {
        cases.push((first(json!(1), bad), percentage));
    }
    for (body, named) in cases {
        let answer = put(&session, &body).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(field(&answer), named, "{body}: {answer:?}");
    }
    // One bad share among good ones refuses all.
    let mixed = with(
        json!([{ "provider_id": 1, "percentage": "45" }, { "provider_id": 2, "percentage": "61" }]),
    );
    let answer = put(&session, &mixed).await;
    answer.assert_problem(422, "percentage_out_of_range");
    assert_eq!(field(&answer), "percentages[1].percentage");
    assert_eq!(written(&app).await, (0, 0, 0));
    app.finish().await;
}

#[tokio::test]
async fn p063_the_alias_sets_shares_too() {
    let Chain {
        app,
        brand,
        top,
        sub,
        next,
        ..
    } = Chain::build().await;
    let session = app.login(&brand.host, "top", &top.password).await;
    let body =
        json!({ "sub_guid": sub.guid, "percentages": [{ "provider_id": 1, "percentage": "41" }] });
    let path = "/provider/sub/percentage";
    let answer = Answer::of(session.request("PUT", path).json(&body)).await;
    let expected = json!({ "percentage": "41.0000", "effective_from": next });
    assert_eq!(of_provider(&answer, 1)["next"], expected, "{answer:?}");
    assert_eq!(written(&app).await, (1, 1, 1));
    // A form has no lists: refused, and not half read.
    let form = [
        ("sub_guid", sub.guid.to_string()),
        ("percentages", "1".to_owned()),
    ];
    let answer = Answer::of(session.request("PUT", path).form(&form)).await;
    answer.assert_problem(422, "validation_failed");
    app.finish().await;
}
