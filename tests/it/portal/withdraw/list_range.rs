//! Ranges are calendar days of the brand, at most 92 of them.

use agent_testkit::{Payee, TestApp};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};

/// How many orders a range holds.
async fn count(payee: &Payee<'_>, query: &str) -> u64 {
    let answer = payee
        .session
        .get(&format!("/agent/withdraw/list?{query}"))
        .await;
    assert_eq!(answer.status, 200, "{query}: {answer:?}");
    let total = answer.body["total"].as_u64().unwrap();
    assert_eq!(
        answer.body["items"].as_array().unwrap().len() as u64,
        total,
        "{query}"
    );
    total
}

/// Plants an order just before, at the begin, at the end, and just after a day; only those of the
/// day may be shown for it.
async fn assert_bounds(app: &TestApp, payee: &Payee<'_>, day: &str, first: &str, next: &str) {
    let first: DateTime<Utc> = first.parse().unwrap();
    let next: DateTime<Utc> = next.parse().unwrap();
    let instant = TimeDelta::microseconds(1);
    for at in [first - instant, first, next - instant, next] {
        app.plant_orders(payee, 1, "paid", &at.to_rfc3339(), "0 s")
            .await;
    }
    let date: NaiveDate = day.parse().unwrap();
    let (before, after) = (date - Days::new(1), date + Days::new(1));
    let of = |from: NaiveDate, to: NaiveDate| format!("date_from={from}&date_to={to}");
    assert_eq!(count(payee, &of(date, date)).await, 2, "{day}");
    assert_eq!(count(payee, &of(before, before)).await, 1, "{day}");
    assert_eq!(count(payee, &of(after, after)).await, 1, "{day}");
    assert_eq!(count(payee, &of(before, date)).await, 3, "{day}");
    assert_eq!(count(payee, &of(before, after)).await, 4, "{day}");
}

#[tokio::test]
async fn p029_days_of_a_range_are_days_of_the_brand() {
    let app = TestApp::spawn().await;
    for (code, zone, day, first, next) in [
        (
            "bangkok",
            "Asia/Bangkok",
            "2026-03-01",
            "2026-02-28T17:00:00Z",
            "2026-03-01T17:00:00Z",
        ),
        (
            "lima",
            "America/Lima",
            "2026-03-01",
            "2026-03-01T05:00:00Z",
            "2026-03-02T05:00:00Z",
        ),
        // Of 23 hours, of 25, and one whose midnight does not exist.
        (
            "spring",
            "America/New_York",
            "2026-03-08",
            "2026-03-08T05:00:00Z",
            "2026-03-09T04:00:00Z",
        ),
        (
            "autumn",
            "America/New_York",
            "2026-11-01",
            "2026-11-01T04:00:00Z",
            "2026-11-02T05:00:00Z",
        ),
        (
            "cairo",
            "Africa/Cairo",
            "2026-04-24",
            "2026-04-23T22:00:00Z",
            "2026-04-24T21:00:00Z",
        ),
    ] {
        let brand = app.brand(code).await;
        app.set_brand(&brand, &format!("timezone = '{zone}'")).await;
        let payee = app.payee(code, &brand, "1").await;
        assert_bounds(&app, &payee, day, first, next).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn p029_without_a_range_the_list_shows_the_brands_today() {
    let app = TestApp::spawn().await;
    let brand = app.brand("today").await; // UTC+7
    let payee = app.payee("today", &brand, "1").await;
    let today = (app.clock.now() + TimeDelta::hours(7)).date_naive();
    let start = today.and_hms_opt(0, 0, 0).unwrap().and_utc() - TimeDelta::hours(7);
    let yesterday = today - Days::new(1);
    for hours in [-1, 0, 1] {
        let at = start + TimeDelta::hours(hours);
        app.plant_orders(&payee, 1, "paid", &at.to_rfc3339(), "0 s")
            .await;
    }
    assert_eq!(count(&payee, "").await, 2);
    assert_eq!(
        count(&payee, &format!("date_from={yesterday}")).await,
        3,
        "up to today"
    );
    assert_eq!(count(&payee, &format!("date_to={today}")).await, 2);
    assert_eq!(
        count(&payee, &format!("date_to={yesterday}")).await,
        1,
        "that one day"
    );
    app.finish().await;
}

#[tokio::test]
async fn p029_a_range_has_at_most_92_days_and_runs_forwards() {
    let app = TestApp::spawn().await;
    let brand = app.brand("long").await;
    let payee = app.payee("long", &brand, "1").await;
    app.plant_orders(&payee, 92, "paid", "2026-01-01 12:00:00Z", "1 day")
        .await;
    let list = |query: &str| {
        let path = format!("/agent/withdraw/list?{query}");
        let session = &payee.session;
        async move { session.get(&path).await }
    };
    let full = list("date_from=2026-01-01&date_to=2026-04-02&page_size=100").await;
    assert_eq!(
        (full.status, &full.body["total"]),
        (200, &92.into()),
        "{full:?}"
    );
    list("date_from=2026-01-01&date_to=2026-04-03")
        .await
        .assert_problem(422, "range_too_long");
    list("date_from=2020-01-01")
        .await
        .assert_problem(422, "range_too_long");
    list("date_from=2026-02-02&date_to=2026-02-01")
        .await
        .assert_problem(422, "validation_failed");
    for odd in [
        "",
        "2026-13-01",
        "2026-02-30",
        "2026-2-1",
        "20260201",
        "01-02-2026",
        "2026-02-01T00:00:00Z",
        "today",
        "0",
        "-1",
        "null",
        "2026-02-01'--",
        "٢٠٢٦-٠٢-٠١",
        "2026-02-01%20",
        "%202026-02-01",
        "2026-02-01&date_from=2026-02-02",
        "99999-01-01",
        "0",
        "1e9",
        "+2026-02-01",
    ] {
        let answer = list(&format!("date_from={odd}&date_to=2026-02-10")).await;
        answer.assert_problem(422, "validation_failed");
    }
    app.finish().await;
}

/// Dates that exist, but that no table can hold: an empty list or a refusal, never a fault.
#[tokio::test]
async fn p029_the_ends_of_the_calendar_are_no_fault() {
    let app = TestApp::spawn().await;
    for (code, zone) in [
        ("utc", "UTC"),
        ("west", "Pacific/Pago_Pago"),
        ("east", "Pacific/Kiritimati"),
    ] {
        let brand = app.brand(code).await;
        app.set_brand(&brand, &format!("timezone = '{zone}'")).await;
        let payee = app.payee(code, &brand, "1").await;
        for day in [
            "0000-01-01",
            "0001-01-01",
            "9999-12-31",
            "-0001-12-31",
            "-4713-11-23",
            "-4714-01-01",
            "-262143-01-01",
            "-262142-01-01",
            "%2B10000-01-01",
            "%2B262142-12-31",
            "%2B262143-01-01",
            "%2B294276-12-31",
            "%2B294277-01-01",
        ] {
            for query in [
                format!("date_from={day}&date_to={day}"),
                format!("date_to={day}"),
                format!("date_from={day}"),
            ] {
                let answer = payee
                    .session
                    .get(&format!("/agent/withdraw/list?{query}"))
                    .await;
                assert!(
                    matches!(answer.status, 200 | 422),
                    "{zone} {query}: {answer:?}"
                );
            }
        }
    }
    app.finish().await;
}
