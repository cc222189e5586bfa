//! Changing the login password (P-055, P-216, P-220).

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use serde_json::{Value, json};

const EDIT: &str = "/agent/edit/password";
const NEW: &str = "a new password";

async fn sign_in(app: &TestApp) -> (BrandFixture, AgentFixture, Session<'_>) {
    let brand = app.brand("a").await;
    let agent = app.agent("changer", &[&brand]).await;
    app.plant(NEW);
    let session = app.login(&brand.host, "changer", &agent.password).await;
    (brand, agent, session)
}

async fn change(session: &Session<'_>, old: &str, new: &str) -> Answer {
    let body = json!({ "old_password": old, "new_password": new });
    session.post(EDIT, &body).await
}

async fn stored(app: &TestApp) -> (String, i32) {
    let row = sqlx::query_as("SELECT password_hash, token_version FROM agent");
    row.fetch_one(&app.owner).await.unwrap()
}

#[tokio::test]
async fn p055_the_new_password_counts_and_every_session_ends() {
    let app = TestApp::spawn().await;
    let (brand, agent, session) = sign_in(&app).await;
    let other = app.login(&brand.host, "changer", &agent.password).await;
    sqlx::query("UPDATE agent SET must_change_password = true")
        .execute(&app.owner)
        .await
        .unwrap();

    let changed = change(&session, &agent.password, NEW).await;
    assert_eq!((changed.status, changed.text.as_str()), (204, ""));
    for session in [&session, &other] {
        let answers = [
            session.get("/agent/info").await,
            session.try_refresh().await,
        ];
        for answer in answers {
            answer.assert_problem(401, "unauthenticated");
        }
    }
    let old = app.try_login(&brand.host, "changer", &agent.password).await;
    old.assert_problem(401, "invalid_credentials");
    let new = app.try_login(&brand.host, "changer", NEW).await;
    assert_eq!(new.status, 200, "{new:?}");
    assert_eq!(new.body["agent"]["must_change_password"], false);
    app.finish().await;
}

#[tokio::test]
async fn p217_p218_the_change_is_audited_without_a_hash() {
    let app = TestApp::spawn().await;
    let (brand, agent, session) = sign_in(&app).await;
    let (old_hash, _) = stored(&app).await;
    assert_eq!(change(&session, &agent.password, NEW).await.status, 204);
    let (new_hash, _) = stored(&app).await;
    let row: Value = sqlx::query_scalar("SELECT to_jsonb(a) FROM admin_audit a")
        .fetch_one(&app.owner)
        .await
        .unwrap();
    assert_eq!(row["operator_id"], format!("agent:{}", agent.guid));
    assert_eq!(row["resource"], "agent");
    assert_eq!(row["resource_id"], agent.guid.to_string());
    assert_eq!(row["action"], "AGENT_EDIT_PASSWORD");
    assert_eq!(row["brand_id"], brand.id.0);
    assert_eq!(
        (&row["old_value"], &row["new_value"]),
        (&Value::Null, &Value::Null)
    );
    for hash in [old_hash, new_hash] {
        assert!(!row.to_string().contains(&hash));
        app.plant(hash.rsplit('$').next().unwrap());
    }
    // The hash itself has its place in `agent`; looked for everywhere else.
    app.set_agent(&agent, "password_hash", "removed").await;
    app.finish().await;
}

#[tokio::test]
async fn p220_without_its_audit_row_the_password_stays() {
    let app = TestApp::spawn().await;
    let (brand, agent, session) = sign_in(&app).await;
    let before = stored(&app).await;
    refuse_audit_rows(&app).await;
    let failed = change(&session, &agent.password, NEW).await;
    failed.assert_problem(500, "internal");
    assert!(!failed.text.contains("audit"), "{failed:?}");
    assert_eq!(stored(&app).await, before);
    // The session is whole, and so is the old password.
    assert_eq!(session.get("/agent/info").await.status, 200);
    session.refresh().await;
    app.login(&brand.host, "changer", &agent.password).await;
    app.finish().await;
}

async fn refuse_audit_rows(app: &TestApp) {
    let statement = "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS \
                     $$ BEGIN RAISE EXCEPTION 'no room for audit rows'; END $$; \
                     CREATE TRIGGER refuse_audit BEFORE INSERT ON admin_audit \
                     FOR EACH ROW EXECUTE FUNCTION refuse_audit();";
    sqlx::raw_sql(statement).execute(&app.owner).await.unwrap();
}

#[tokio::test]
async fn q86_a_wrong_old_password_is_a_failed_login() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_USERNAME", "3")]).await;
    let (brand, agent, session) = sign_in(&app).await;
    let before = stored(&app).await;
    for _ in 0..3 {
        let wrong = change(&session, "not the password", NEW).await;
        wrong.assert_problem(401, "invalid_credentials");
    }
    for answer in [
        change(&session, "not the password", NEW).await,
        change(&session, &agent.password, NEW).await,
        app.try_login(&brand.host, "changer", &agent.password).await,
    ] {
        answer.assert_problem(429, "rate_limited");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(stored(&app).await, before);
    // Guessing costs the guesser, not the session that is at work.
    assert_eq!(session.get("/agent/info").await.status, 200);
    assert_eq!(app.count("SELECT count(*) FROM admin_audit").await, 0);
    app.finish().await;
}

#[tokio::test]
async fn q86_parallel_guesses_at_the_old_password_are_bounded() {
    let app = TestApp::spawn().await;
    let (_, _, session) = sign_in(&app).await;
    let guesses = (0..60).map(|turn| {
        let guess = format!("guess number {turn}");
        let session = &session;
        async move { change(session, &guess, NEW).await.status }
    });
    let answers = futures_util::future::join_all(guesses).await;
    assert_eq!(answers.iter().filter(|status| **status == 401).count(), 10);
    assert_eq!(answers.iter().filter(|status| **status == 429).count(), 50);
    app.finish().await;
}

#[tokio::test]
async fn p055_a_new_password_has_8_to_128_characters() {
    let app = TestApp::spawn().await;
    let (brand, mut agent, _) = sign_in(&app).await;
    let letters = |count: usize| "\u{0e01}".repeat(count);
    for refused in ["", "seven77", &letters(7), &"x".repeat(129), &letters(129)] {
        let session = app.login(&brand.host, "changer", &agent.password).await;
        let answer = change(&session, &agent.password, refused).await;
        answer.assert_problem(422, "validation_failed");
        assert_eq!(answer.body["errors"][0]["field"], "new_password");
    }
    // Characters are counted, not bytes, and there is no rule of composition.
    for accepted in [
        "12345678",
        "        x",
        &letters(8),
        &"x".repeat(128),
        &letters(128),
    ] {
        let session = app.login(&brand.host, "changer", &agent.password).await;
        let answer = change(&session, &agent.password, accepted).await;
        assert_eq!(answer.status, 204, "{accepted}: {answer:?}");
        agent.password = accepted.to_owned();
    }
    app.login(&brand.host, "changer", &agent.password).await;
    app.finish().await;
}

#[tokio::test]
async fn p055_of_parallel_changes_one_wins() {
    let app = TestApp::spawn().await;
    let (brand, agent, session) = sign_in(&app).await;
    let changes = (0..8).map(|turn| {
        let new = format!("the new password {turn}");
        let (session, agent) = (&session, &agent);
        async move { (change(session, &agent.password, &new).await, new) }
    });
    let answers = futures_util::future::join_all(changes).await;
    let won: Vec<&String> = answers
        .iter()
        .filter(|(answer, _)| answer.status == 204)
        .map(|(_, new)| new)
        .collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for (answer, _) in &answers {
        assert!(matches!(answer.status, 204 | 401 | 409), "{answer:?}");
    }
    app.login(&brand.host, "changer", won[0]).await;
    assert_eq!(app.count("SELECT count(*) FROM admin_audit").await, 1);
    assert_eq!(stored(&app).await.1, 2, "the token version rose once");
    app.finish().await;
}
