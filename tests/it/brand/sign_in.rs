//! Signing in and refreshing are public, so they check the brand themselves, once they know the
//! agent.

use agent_testkit::{Answer, TestApp};
use serde_json::json;

const WRONG: &str = "not the password";

#[tokio::test]
async fn q72_the_password_is_judged_before_the_brand() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("visitor", &[&a]).await;
    for (host, code) in [
        (b.host.as_str(), "brand_forbidden"),
        ("nobodys.test", "brand_unresolved"),
    ] {
        // Whoever does not know the password does not learn which brands an account serves.
        let wrong = app.try_login(host, "visitor", WRONG).await;
        wrong.assert_problem(401, "invalid_credentials");
        let right = app.try_login(host, "visitor", &agent.password).await;
        right.assert_problem(403, code);
        let counter = &app.metrics.multi_brand_violation_total;
        let counted = counter.with_label_values(&["enforce", code, "/agent/login"]);
        assert_eq!(counted.get(), 1);
        let logged = format!(
            "SELECT count(*) FROM agent_login_log WHERE outcome = '{code}' AND agent_id = {}",
            agent.guid
        );
        assert_eq!(app.count(&logged).await, 1);
    }
    let sessions = "SELECT count(*) FROM agent_refresh_token";
    assert_eq!(app.count(sessions).await, 0);
    let locked_first = async |host: &str| {
        app.set_agent(&agent, "status", "locked").await;
        app.try_login(host, "visitor", &agent.password).await
    };
    locked_first(&b.host)
        .await
        .assert_problem(403, "account_locked");
    app.finish().await;
}

#[tokio::test]
async fn q15_off_and_observe_let_sign_in() {
    for mode in ["off", "observe"] {
        let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
        let (a, b) = (app.brand("a").await, app.brand("b").await);
        let agent = app.agent("visitor", &[&a]).await;
        let homeless = app.agent("homeless", &[]).await;
        // The host's brand; where it has none, the agent's only one.
        for (host, brand) in [(b.host.as_str(), b.id.0), ("nobodys.test", a.id.0)] {
            let session = app.login(host, "visitor", &agent.password).await;
            let stored = sqlx::query_scalar::<_, i64>(
                "SELECT brand_id FROM agent_refresh_token ORDER BY created_at DESC LIMIT 1",
            );
            let stored = stored.fetch_one(&app.owner).await.unwrap();
            assert_eq!(stored, brand, "{mode} {host}");
            session.refresh().await;
        }
        let ambiguous = app
            .try_login("nobodys.test", "homeless", &homeless.password)
            .await;
        ambiguous.assert_problem(409, "brand_ambiguous");
        let count = |reason, route| {
            let counter = &app.metrics.multi_brand_violation_total;
            counter.with_label_values(&[mode, reason, route]).get()
        };
        let each = u64::from(mode == "observe");
        assert_eq!(count("brand_forbidden", "/agent/login"), each);
        assert_eq!(count("brand_forbidden", "/agent/refresh_token"), each);
        assert_eq!(count("brand_unresolved", "/agent/login"), 2 * each);
        assert_eq!(count("brand_unresolved", "/agent/refresh_token"), each);
        app.finish().await;
    }
}

#[tokio::test]
async fn q15_enforce_refuses_a_refresh_on_a_foreign_host() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("visitor", &[&a]).await;
    let session = app.login(&a.host, "visitor", &agent.password).await;
    for path in ["/agent/refresh_token", "/user/refresh_token"] {
        let body = json!({ "refresh_token": session.refresh_token });
        let request = app.request("POST", &b.host, path).json(&body);
        Answer::of(request)
            .await
            .assert_problem(403, "brand_forbidden");
        let counter = &app.metrics.multi_brand_violation_total;
        let counted = counter.with_label_values(&["enforce", "brand_forbidden", path]);
        assert_eq!(counted.get(), 1);
    }
    session.refresh().await;
    app.finish().await;
}
