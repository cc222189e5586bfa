//! Limits on guessing passwords.

use std::time::{Duration, Instant};

use agent_testkit::{AgentFixture, Answer, BrandFixture, TestApp, probe, process};
use futures_util::future::join_all;

const WRONG: &str = "not the password";

/// A stored hash that matches nothing and is counted whenever one is computed against it.
async fn count_hashes(app: &TestApp, agent: &AgentFixture) {
    app.set_agent(agent, "password_hash", "of no known shape")
        .await;
}

fn hashes(app: &TestApp) -> u64 {
    app.metrics.password_unknown_shape_total.get()
}

#[track_caller]
fn assert_limited(answer: &Answer) {
    answer.assert_problem(429, "rate_limited");
    let seconds: u64 = answer.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!((1..=900).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn q86_over_the_limit_no_hash_is_computed_and_the_right_password_is_refused() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_USERNAME", "3")]).await;
    let brand = app.brand("a").await;
    let agent = app.agent("target", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    let right_hash: String =
        sqlx::query_scalar("SELECT password_hash FROM agent WHERE username = 'target'")
            .fetch_one(&app.owner)
            .await
            .unwrap();
    count_hashes(&app, &agent).await;

    // Spellings of one name share one count.
    for username in ["target", " TARGET", "Target "] {
        let refused = app.try_login(&brand.host, username, WRONG).await;
        refused.assert_problem(401, "invalid_credentials");
    }
    assert_eq!(hashes(&app), 3);
    for username in ["target", "tarGET"] {
        assert_limited(&app.try_login(&brand.host, username, WRONG).await);
    }
    assert_eq!(hashes(&app), 3);

    app.set_agent(&agent, "password_hash", &right_hash).await;
    let right = app.try_login(&brand.host, "target", &agent.password).await;
    assert_limited(&right);
    app.login(&brand.host, "other", &other.password).await;
    app.finish().await;
}

#[tokio::test]
async fn q86_unknown_names_are_counted_alike() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_USERNAME", "3")]).await;
    let brand = app.brand("a").await;
    let agent = app.agent("someone", &[&brand]).await;
    for username in ["someone", "no_such_one"] {
        for _ in 0..3 {
            let refused = app.try_login(&brand.host, username, WRONG).await;
            refused.assert_problem(401, "invalid_credentials");
        }
        assert_limited(&app.try_login(&brand.host, username, WRONG).await);
    }
    // Neither names nor addresses get into Redis.
    let mut redis = app.redis.clone();
    let places = probe::redis_contents(&mut redis).await;
    let names = [
        agent.username,
        "no_such_one".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    probe::assert_absent(&names, &places);
    assert!(places.len() > 3, "there are counters to look at");
    app.finish().await;
}

#[tokio::test]
async fn q86_a_source_is_limited_over_all_names() {
    let app = TestApp::with(&[
        ("LOGIN_FAILURES_PER_SOURCE", "5"),
        ("TRUSTED_PROXIES", "127.0.0.1/32"),
    ])
    .await;
    let brand = app.brand("a").await;
    let agent = app.agent("bystander", &[&brand]).await;
    let from = async |source: &str, username: &str, password: &str| {
        let body = serde_json::json!({ "username": username, "password": password });
        let request = app.request("POST", &brand.host, "/agent/login");
        Answer::of(request.header("X-Forwarded-For", source).json(&body)).await
    };
    for turn in 0..5 {
        // One client owns the whole /64.
        let source = format!("2001:db8:1:2::{turn}");
        let refused = from(&source, &format!("name_{turn}"), WRONG).await;
        refused.assert_problem(401, "invalid_credentials");
    }
    let same = "2001:db8:1:2:ffff::1";
    assert_limited(&from(same, "name_9", WRONG).await);
    assert_limited(&from(same, &agent.username, &agent.password).await);
    // What stands left of the last untrusted hop is the client's own invention.
    let forged = format!("203.0.113.9, {same}");
    assert_limited(&from(&forged, &agent.username, &agent.password).await);
    let elsewhere = from("2001:db8:1:3::1", &agent.username, &agent.password).await;
    assert_eq!(elsewhere.status, 200, "{elsewhere:?}");
    app.finish().await;
}

#[tokio::test]
async fn q92_forwarded_addresses_do_not_count_from_strangers() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_SOURCE", "3")]).await;
    let brand = app.brand("a").await;
    for turn in 0..4 {
        let body = serde_json::json!({ "username": format!("name_{turn}"), "password": WRONG });
        let request = app
            .request("POST", &brand.host, "/agent/login")
            .header("X-Forwarded-For", format!("203.0.113.{turn}"))
            .header("Forwarded", format!("for=203.0.113.{turn}"))
            .header("X-Real-IP", format!("203.0.113.{turn}"));
        let answer = Answer::of(request.json(&body)).await;
        assert_eq!(answer.status, if turn < 3 { 401 } else { 429 });
    }
    app.finish().await;
}

#[tokio::test]
async fn q86_of_200_parallel_guesses_the_limit_is_evaluated() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("target", &[&brand]).await;
    count_hashes(&app, &agent).await;
    let guesses = (0..200).map(|turn| {
        let guess = format!("guess number {turn}");
        let (app, brand) = (&app, &brand);
        async move { app.try_login(&brand.host, "target", &guess).await }
    });
    let answers = join_all(guesses).await;
    let evaluated = answers.iter().filter(|answer| answer.status == 401).count();
    let limited = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((evaluated, limited), (10, 190));
    let rows = "SELECT count(*) FROM agent_login_log WHERE outcome = 'invalid_credentials'";
    assert_eq!(app.count(rows).await, 10);
    assert_eq!(hashes(&app), 10);
    app.finish().await;
}

#[tokio::test]
async fn q86_of_200_parallel_names_from_one_source_the_limit_is_evaluated() {
    let app = TestApp::with(&[("LOGIN_FAILURES_PER_SOURCE", "20")]).await;
    let brand = app.brand("a").await;
    let guesses = (0..200).map(|turn| {
        let (app, brand) = (&app, &brand);
        async move {
            app.try_login(&brand.host, &format!("name_{turn}"), WRONG)
                .await
        }
    });
    let answers = join_all(guesses).await;
    let evaluated = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(evaluated, 20, "{answers:?}");
    assert_eq!(app.count("SELECT count(*) FROM agent_login_log").await, 20);
    app.finish().await;
}

async fn log_in_at_once(app: &TestApp, brand: &BrandFixture, agent: &AgentFixture, times: usize) {
    let logins = (0..times).map(|_| app.try_login(&brand.host, &agent.username, &agent.password));
    for answer in join_all(logins).await {
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}

#[tokio::test]
async fn q86_right_passwords_are_never_too_many() {
    let limits = [
        ("LOGIN_FAILURES_PER_USERNAME", "2"),
        ("LOGIN_FAILURES_PER_SOURCE", "2"),
    ];
    let app = TestApp::with(&limits).await;
    let brand = app.brand("a").await;
    let agent = app.agent("popular", &[&brand]).await;
    log_in_at_once(&app, &brand, &agent, 60).await;
    // A wrong guess between right ones stays counted.
    let wrong = app.try_login(&brand.host, "popular", WRONG).await;
    wrong.assert_problem(401, "invalid_credentials");
    log_in_at_once(&app, &brand, &agent, 3).await;
    let wrong = app.try_login(&brand.host, "popular", WRONG).await;
    wrong.assert_problem(401, "invalid_credentials");
    assert_limited(&app.try_login(&brand.host, "popular", WRONG).await);
    app.finish().await;
}

#[tokio::test]
async fn q86_a_lockout_ends_by_itself() {
    let limits = [
        ("LOGIN_FAILURES_PER_USERNAME", "1"),
        ("LOGIN_WINDOW_SECONDS", "4"),
    ];
    let app = TestApp::with(&limits).await;
    let brand = app.brand("a").await;
    let agent = app.agent("patient", &[&brand]).await;
    let wrong = app.try_login(&brand.host, "patient", WRONG).await;
    wrong.assert_problem(401, "invalid_credentials");
    assert_limited(&app.try_login(&brand.host, "patient", &agent.password).await);
    let deadline = Instant::now() + Duration::from_secs(30);
    while app
        .try_login(&brand.host, "patient", &agent.password)
        .await
        .status
        != 200
    {
        assert!(Instant::now() < deadline, "locked out for good");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    app.finish().await;
}

#[tokio::test]
async fn q86_without_redis_the_process_counts_for_itself() {
    let nowhere = format!("redis://{}/0", process::free_address());
    let app = TestApp::with(&[
        ("REDIS_URL", nowhere.as_str()),
        ("LOGIN_FAILURES_PER_USERNAME", "3"),
    ])
    .await;
    let brand = app.brand("a").await;
    let agent = app.agent("target", &[&brand]).await;
    let other = app.agent("other", &[&brand]).await;
    log_in_at_once(&app, &brand, &agent, 20).await;
    let guesses = (0..30).map(|_| app.try_login(&brand.host, "target", WRONG));
    let answers = join_all(guesses).await;
    let evaluated = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(evaluated, 3, "{answers:?}");
    assert_limited(&app.try_login(&brand.host, "target", &agent.password).await);
    app.login(&brand.host, "other", &other.password).await;
    let fallbacks = &app.metrics.limiter_fallback_total;
    assert!(fallbacks.with_label_values(&["login_username"]).get() > 3);
    app.finish().await;
}

#[tokio::test]
async fn q86_without_redis_a_source_is_limited_over_parallel_names() {
    let nowhere = format!("redis://{}/0", process::free_address());
    let app = TestApp::with(&[
        ("REDIS_URL", nowhere.as_str()),
        ("LOGIN_FAILURES_PER_SOURCE", "7"),
    ])
    .await;
    let brand = app.brand("a").await;
    let names: Vec<String> = (0..60).map(|turn| format!("name_{turn}")).collect();
    let guesses = names
        .iter()
        .map(|name| app.try_login(&brand.host, name, WRONG));
    let answers = join_all(guesses).await;
    let evaluated = answers.iter().filter(|answer| answer.status == 401).count();
    let limited = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((evaluated, limited), (7, 53), "{answers:?}");
    app.finish().await;
}
