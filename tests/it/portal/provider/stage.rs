//! Providers, shares and days of players, written with the owner's rights.

use std::time::Duration;

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use agent_worker::{jobs::RollUp, supervisor::Job as _};
use chrono::{Datelike as _, Days, NaiveDate, TimeDelta, TimeZone as _, Utc};
use serde_json::{Value, json};

/// The fixtures' brands are in Bangkok, which is seven hours ahead all year.
const BANGKOK: TimeDelta = TimeDelta::hours(7);

/// The brands' calendar day.
pub(super) fn today(app: &TestApp) -> NaiveDate {
    (app.clock.now() + BANGKOK).date_naive()
}

pub(super) fn next_month(day: NaiveDate) -> NaiveDate {
    let (year, month) = match day.month() {
        12 => (day.year() + 1, 1),
        month => (day.year(), month + 1),
    };
    NaiveDate::from_ymd_opt(year, month, 1).unwrap()
}

/// Moves the clock to so long before the end of the brands' month.
pub(super) fn before_month_ends(app: &TestApp, by: TimeDelta) {
    let end = next_month(today(app)).and_hms_opt(0, 0, 0).unwrap() - BANGKOK;
    app.clock
        .advance(Utc.from_utc_datetime(&end) - by - app.clock.now());
}

pub(super) fn days(day: NaiveDate, ahead: i64) -> NaiveDate {
    let by = Days::new(ahead.unsigned_abs());
    if ahead < 0 { day - by } else { day + by }
}

/// Until no day waits.
pub(super) async fn roll_up(app: &TestApp) {
    let mut job = RollUp::new(app.app.core.clone(), Duration::from_secs(15));
    while app.count("SELECT count(*) FROM stat_dirty").await > 0 {
        job.step().await.unwrap();
    }
}

/// A provider that the given brands offer.
pub(super) async fn provider(app: &TestApp, id: i32, code: &str, brands: &[&BrandFixture]) {
    sqlx::query(
        "INSERT INTO provider (provider_id, code, name, category) VALUES ($1, $2, 'Name ' || $2, 'slot')",
    )
    .bind(id)
    .bind(code)
    .execute(&app.owner)
    .await
    .unwrap();
    for brand in brands {
        sqlx::query("INSERT INTO brand_provider (brand_id, provider_id) VALUES ($1, $2)")
            .bind(brand.id.0)
            .bind(id)
            .execute(&app.owner)
            .await
            .unwrap();
    }
}

pub(super) async fn share(
    app: &TestApp,
    brand: &BrandFixture,
    agent: &AgentFixture,
    provider: i32,
    from: NaiveDate,
    percentage: &str,
) {
    sqlx::query(
        "INSERT INTO agent_provider_percentage (agent_id, brand_id, provider_id, effective_from, percentage) \
         VALUES ($1, $2, $3, $4, $5::text::numeric)",
    )
    .bind(agent.guid.0)
    .bind(brand.id.0)
    .bind(provider)
    .bind(from)
    .bind(percentage)
    .execute(&app.owner)
    .await
    .unwrap();
}

/// What the shares of one provider are in a list of them.
pub(super) fn of_provider(answer: &Answer, provider: i32) -> Value {
    let items = answer.body["items"].as_array().unwrap();
    let found = items.iter().find(|item| item["provider_id"] == provider);
    found.cloned().unwrap_or(Value::Null)
}

pub(super) const SUB: &str = "/agent/provider/sub/percentage";

pub(super) async fn read(session: &Session<'_>, sub: &AgentFixture) -> Answer {
    session.get(&format!("{SUB}?sub_guid={}", sub.guid)).await
}

pub(super) async fn put(session: &Session<'_>, body: &Value) -> Answer {
    Answer::of(session.request("PUT", SUB).json(body)).await
}

/// Gives a sub one share.
pub(super) async fn give(
    session: &Session<'_>,
    sub: &AgentFixture,
    provider: i32,
    percentage: impl Into<Value>,
) -> Answer {
    let share = json!({ "provider_id": provider, "percentage": percentage.into() });
    put(
        session,
        &json!({ "sub_guid": sub.guid, "percentages": [share] }),
    )
    .await
}

/// Shares, audit rows and events of the whole database.
pub(super) async fn written(app: &TestApp) -> (i64, i64, i64) {
    let shares = "SELECT count(*) FROM agent_provider_percentage WHERE set_by IS NOT NULL";
    let audited = "SELECT count(*) FROM admin_audit WHERE action = 'AGENT_PERCENTAGE_SET'";
    let events = "SELECT count(*) FROM agent_outbox WHERE event_type = 'agent.percentage.changed'";
    (
        app.count(shares).await,
        app.count(audited).await,
        app.count(events).await,
    )
}
