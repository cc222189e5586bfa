//! The stand-in for the admin service, and the checks.

use std::time::{Duration, Instant};

use agent_testkit::TestApp;

use crate::support::{lab, rows, seeded_small};

async fn number_of(app: &TestApp, status: &str) -> String {
    let orders: Vec<(String, String)> = rows(
        app,
        "SELECT status, withdraw_no FROM agent_withdraw ORDER BY guid DESC",
    )
    .await;
    orders
        .into_iter()
        .find(|(other, _)| other == status)
        .unwrap()
        .1
}

#[tokio::test]
async fn q82_an_order_is_approved_and_paid() {
    let app = seeded_small().await;
    let number = number_of(&app, "pending").await;
    assert!(
        lab(&app, &["withdraw", "list", "--open"])
            .await
            .ok()
            .contains(&number)
    );
    let out = lab(&app, &["withdraw", "approve", &number]).await.ok();
    assert_eq!(out, format!("{number} is approved\n"));
    let out = lab(&app, &["withdraw", "pay", &number]).await.ok();
    assert_eq!(out, format!("{number} is paid\n"));
    assert!(
        !lab(&app, &["withdraw", "list", "--open"])
            .await
            .ok()
            .contains(&number)
    );
    let moves: Vec<(String, String)> = rows(
        &app,
        "SELECT payload ->> 'from', payload ->> 'to' FROM agent_outbox \
         WHERE event_type = 'agent.withdraw.status_changed' AND payload ->> 'actor' = 'operator:dev' ORDER BY id",
    )
    .await;
    let moves: Vec<_> = moves
        .iter()
        .map(|(from, to)| (from.as_str(), to.as_str()))
        .collect();
    assert_eq!(
        moves,
        [
            ("pending", "reviewing"),
            ("reviewing", "approved"),
            ("approved", "paying"),
            ("paying", "paid")
        ]
    );
    lab(&app, &["withdraw", "pay", &number])
        .await
        .failed(1, "conflict: a paid withdrawal");
    app.finish().await;
}

#[tokio::test]
async fn q82_orders_are_reviewed_rejected_and_failed() {
    let app = seeded_small().await;
    let pending = number_of(&app, "pending").await;
    lab(&app, &["withdraw", "fail", &pending, "--reason", "x"])
        .await
        .failed(1, "cannot fail");
    lab(&app, &["withdraw", "review", &pending]).await.ok();
    let out = lab(
        &app,
        &["withdraw", "reject", &pending, "--reason", "not this time"],
    )
    .await
    .ok();
    assert_eq!(out, format!("{pending} is rejected\n"));
    let paying = number_of(&app, "paying").await;
    let out = lab(
        &app,
        &["withdraw", "fail", &paying, "--reason", "account closed"],
    )
    .await
    .ok();
    assert_eq!(out, format!("{paying} is rejected\n"));
    let reasons: Vec<(String,)> = rows(
        &app,
        "SELECT reject_reason FROM agent_withdraw WHERE reviewed_by = 'operator:dev' ORDER BY 1",
    )
    .await;
    assert_eq!(
        reasons,
        [
            ("account closed".to_owned(),),
            ("not this time".to_owned(),)
        ]
    );
    lab(&app, &["withdraw", "approve", "W20991231000001"])
        .await
        .failed(1, "not_found");
    app.finish().await;
}

#[tokio::test]
async fn accounts_are_credited_and_debited_once_per_reference() {
    let app = seeded_small().await;
    let credit = [
        "account",
        "credit",
        "DEMO_AGENT",
        "brand-a",
        "100.50",
        "--reference",
        "r1",
    ];
    assert!(
        lab(&app, &credit)
            .await
            .ok()
            .contains("available 25100.5000")
    );
    lab(&app, &credit)
        .await
        .failed(1, "conflict: this reference");
    assert!(
        lab(&app, &["account", "debit", "demo_agent", "1", "0.50"])
            .await
            .ok()
            .contains("25100.0000")
    );
    lab(&app, &["account", "debit", "demo_agent", "1", "99999"])
        .await
        .failed(1, "insufficient_balance");
    lab(&app, &["account", "credit", "demo_agent", "1", "-5"])
        .await
        .failed(2, "unexpected argument");
    lab(&app, &["account", "credit", "demo_agent", "1", "1.005"])
        .await
        .failed(1, "amount: must have");
    lab(&app, &["account", "credit", "nobody", "1", "1"])
        .await
        .failed(1, "no agent \"nobody\"");
    let shown = lab(&app, &["account", "show", "demo_agent", "brand-a"])
        .await
        .ok();
    assert!(
        shown.starts_with("available 25100.0000, frozen 0.0000 (THB)") && shown.contains("r1"),
        "{shown}"
    );
    app.finish().await;
}

#[tokio::test]
async fn q98_taking_a_brand_away_is_felt_at_once() {
    let app = seeded_small().await;
    let session = app
        .login("brand-a.localhost", "demo_agent", "demo-password-1")
        .await;
    assert_eq!(session.get("/agent/withdraw/init").await.status, 200);
    let out = lab(&app, &["brand", "disable", "demo_agent", "brand-a"])
        .await
        .ok();
    assert!(out.contains("announced to 1 listener(s)"), "{out}");
    let start = Instant::now();
    while session.get("/agent/withdraw/init").await.status == 200 {
        assert!(start.elapsed() < Duration::from_secs(2), "still served");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    session
        .get("/agent/withdraw/init")
        .await
        .assert_problem(403, "brand_forbidden");
    lab(&app, &["brand", "enable", "demo_agent", "brand-a"])
        .await
        .ok();
    let listed = lab(&app, &["brand", "list"]).await.ok();
    assert!(
        listed.contains("brand-a.localhost") && listed.contains("PHP"),
        "{listed}"
    );
    app.finish().await;
}

#[tokio::test]
async fn q81_limits_are_set_one_by_one_and_cleared() {
    let app = seeded_small().await;
    let set = ["brand", "set-limits", "demo_sub", "brand-a"];
    lab(
        &app,
        &[&set[..], &["--min", "1000", "--registration", "closed"]].concat(),
    )
    .await
    .ok();
    lab(&app, &[&set[..], &["--fee-rate", "0.02"]].concat())
        .await
        .ok();
    lab(&app, &["brand", "max-open", "demo_sub", "brand-a", "3"])
        .await
        .ok();
    let query = "SELECT min_withdrawal_limit::text, withdraw_fee_rate::text, max_open_withdrawals, registration_mode \
                 FROM agent_setting JOIN agent ON guid = agent_id WHERE username = 'demo_sub'";
    type Limits = (Option<String>, Option<String>, Option<i32>, String);
    let text = |text: &str| Some(text.to_owned());
    let limits: Vec<Limits> = rows(&app, query).await;
    assert_eq!(
        limits,
        [(
            text("1000.0000"),
            text("0.0200"),
            Some(3),
            "closed".to_owned()
        )]
    );
    lab(
        &app,
        &[&set[..], &["--clear", "--fee-rate", "0.03"]].concat(),
    )
    .await
    .ok();
    let limits: Vec<Limits> = rows(&app, query).await;
    assert_eq!(limits, [(None, text("0.0300"), None, "open".to_owned())]);
    lab(&app, &["brand", "max-open", "demo_sub", "brand-b", "3"])
        .await
        .failed(1, "no member of brand-b");
    app.finish().await;
}

#[tokio::test]
async fn locking_ends_the_sessions_of_an_agent() {
    let app = seeded_small().await;
    let session = app
        .login("brand-a.localhost", "demo_agent", "demo-password-1")
        .await;
    lab(&app, &["agent", "lock", "demo_agent"]).await.ok();
    session
        .get("/agent/withdraw/init")
        .await
        .assert_problem(401, "unauthenticated");
    lab(&app, &["agent", "unlock", "demo_agent"]).await.ok();
    app.login("brand-a.localhost", "demo_agent", "demo-password-1")
        .await;
    app.finish().await;
}

#[tokio::test]
async fn tail_prints_events_with_their_payload() {
    let app = seeded_small().await;
    lab(
        &app,
        &[
            "account",
            "credit",
            "demo_agent",
            "brand-a",
            "1",
            "--reference",
            "seen-in-tail",
        ],
    )
    .await
    .ok();
    assert_eq!(app.drain_outbox().await, 1);
    let out = lab(&app, &["tail", "--from-start", "--count", "1"])
        .await
        .ok();
    let lines: Vec<&str> = out.lines().collect();
    assert!(
        lines[0].contains("agent.account.adjusted agent_account:1:1 brand 1 v2"),
        "{out}"
    );
    let payload: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(payload["reference"], "seen-in-tail");
    assert_eq!(lines.len(), 2, "{out}");
    app.finish().await;
}

#[tokio::test]
async fn check_tells_which_account_is_wrong() {
    let app = seeded_small().await;
    let out = lab(&app, &["check"]).await.ok();
    assert!(out.contains("0 account(s) differ"), "{out}");
    let falsify = |by| {
        let update = "UPDATE agent_account SET available = available + $1 WHERE agent_id = 5";
        sqlx::query(update).bind(by).execute(&app.owner)
    };
    falsify(1).await.unwrap();
    let run = lab(&app, &["check"]).await;
    assert!(
        run.out.contains("1 account(s) differ") && run.out.contains("demo_sub"),
        "{run:?}"
    );
    run.failed(1, "the books do not balance");
    falsify(-1).await.unwrap();
    app.finish().await;
}
