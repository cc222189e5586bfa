//! The host decides the brand, and nothing else does (P-160, P-164, P-165, Q-14).

use agent_testkit::{Answer, BrandFixture, TestApp};

const ROUTE: &str = "/agent/top_info";

/// A brand each for `a.test` and `b.test`, and a token of an agent that serves both.
async fn world(app: &TestApp) -> (BrandFixture, BrandFixture, String) {
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("both", &[&a, &b]).await;
    let session = app.login(&a.host, "both", &agent.password).await;
    (a, b, session.access_token)
}

#[track_caller]
fn assert_brand(answer: &Answer, name: &str, how: &str) {
    let told = answer.body["brand"]["name"].as_str();
    assert_eq!(
        (answer.status, told),
        (200, Some(name)),
        "{how}: {answer:?}"
    );
}

#[tokio::test]
async fn p160_the_host_decides_the_brand() {
    let app = TestApp::spawn().await;
    let (a, b, token) = world(&app).await;
    for (brand, name) in [(&a, "Brand a"), (&b, "Brand b")] {
        let request = app.request("GET", &brand.host, ROUTE).bearer_auth(&token);
        assert_brand(&Answer::of(request).await, name, &brand.host);
        let public = app.request("GET", &brand.host, "/agent/common/brand");
        assert_eq!(Answer::of(public).await.body["name"], name);
    }
    app.finish().await;
}

#[tokio::test]
async fn p164_p165_no_header_changes_the_brand() {
    let app = TestApp::spawn().await;
    let (a, b, token) = world(&app).await;
    let (id, unknown) = (b.id.to_string(), "9999".to_owned());
    for name in [
        "X-Brand-Id",
        "x-brand-id",
        "X-BRAND-ID",
        "X_Brand_Id",
        "x-brand_id",
        "X.Brand.Id",
        "XBrandId",
        "X-Brand--Id",
        "Brand-Id",
        "X-Forwarded-Host",
        "X-Original-Host",
        "X-Host",
        "X-Forwarded-Server",
    ] {
        for value in [&id, &unknown, &b.host] {
            let request = app.request("GET", &a.host, ROUTE).bearer_auth(&token);
            let answer = Answer::of(request.header(name, value)).await;
            assert_brand(&answer, "Brand a", name);
            // Twice, and in two spellings at once.
            let request = app.request("GET", &a.host, ROUTE).bearer_auth(&token);
            let request = request.header(name, value).header(name, a.id.to_string());
            let answer = Answer::of(request.header("x_brand_id", value)).await;
            assert_brand(&answer, "Brand a", name);
        }
    }
    let forwarded = format!("host={};proto=https", b.host);
    let request = app.request("GET", &a.host, ROUTE).bearer_auth(&token);
    let answer = Answer::of(request.header("Forwarded", forwarded)).await;
    assert_brand(&answer, "Brand a", "Forwarded");
    // Nor does a parameter.
    let path = format!("{ROUTE}?brand_id={id}&X-Brand-Id={id}&host={}", b.host);
    let request = app.request("GET", &a.host, &path).bearer_auth(&token);
    assert_brand(&Answer::of(request).await, "Brand a", "query");
    app.finish().await;
}

#[tokio::test]
async fn p165_a_forged_brand_opens_no_foreign_host() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("only_a", &[&a]).await;
    let session = app.login(&a.host, "only_a", &agent.password).await;
    for (host, code) in [
        (b.host.as_str(), "brand_forbidden"),
        ("nobodys.test", "brand_unresolved"),
    ] {
        let request = app
            .request("GET", host, ROUTE)
            .bearer_auth(&session.access_token)
            .header("X-Brand-Id", a.id.to_string())
            .header("X-Forwarded-Host", &a.host);
        Answer::of(request).await.assert_problem(403, code);
    }
    app.finish().await;
}

#[tokio::test]
async fn q14_spellings_of_a_host_are_one_host() {
    let app = TestApp::spawn().await;
    let (_, _, token) = world(&app).await;
    let bearer = format!("authorization: Bearer {token}");
    let line = format!("GET {ROUTE} HTTP/1.1");
    for spelling in [
        "b.test",
        "B.TEST",
        "b.TesT:443",
        "b.test:80",
        "b.test:",
        "b.test.",
        "B.test.:8080",
        "  b.test ",
    ] {
        let host = format!("host: {spelling}");
        let answer = app.wire_lines(&[&line, &host, &bearer]).await;
        assert_brand(&answer, "Brand b", spelling);
    }
    for nobodys in [
        "bb.test",
        "a.b.test",
        "b.test.a.test",
        "test",
        "127.0.0.1",
        "[::1]:80",
    ] {
        let host = format!("host: {nobodys}");
        let answer = app.wire_lines(&[&line, &host, &bearer]).await;
        answer.assert_problem(403, "brand_unresolved");
    }
    app.finish().await;
}

#[tokio::test]
async fn q14_a_request_names_exactly_one_valid_host() {
    let app = TestApp::spawn().await;
    let (_, _, token) = world(&app).await;
    let bearer = format!("authorization: Bearer {token}");
    let line = format!("GET {ROUTE} HTTP/1.1");
    let hosts: [&[&str]; 16] = [
        &[],
        &["host:"],
        &["host: a.test", "host: b.test"],
        &["host: b.test", "host: a.test"],
        &["host: a.test", "host: a.test"],
        &["host: a.test", "Host: a.test."],
        &["host: a.test, b.test"],
        &["host: a.test b.test"],
        &["host: a.test/b.test"],
        &["host: a.test:b.test"],
        &["host: b.test@a.test"],
        &["host: a.test:99999"],
        &["host: a.test:80:80"],
        &["host: a.test.."],
        &["host: a%2etest"],
        &["host: a\\b.test"],
    ];
    for host in hosts {
        let lines: Vec<&str> = [line.as_str()]
            .into_iter()
            .chain(host.iter().copied())
            .chain([bearer.as_str()])
            .collect();
        let answer = app.wire_lines(&lines).await;
        let told = (answer.status, answer.code());
        assert_eq!(told, (400, "malformed_request"), "{host:?}: {answer:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn q14_two_hosts_are_400_on_every_path() {
    let app = TestApp::spawn().await;
    app.brand("a").await;
    for path in [
        "/health",
        "/openapi.json",
        "/agent/unknown",
        "/agent/common/brand",
        "/",
    ] {
        let line = format!("GET {path} HTTP/1.1");
        let answer = app
            .wire_lines(&[&line, "host: a.test", "host: a.test"])
            .await;
        answer.assert_problem(400, "malformed_request");
    }
    app.finish().await;
}

#[tokio::test]
async fn p165_a_target_in_absolute_form_does_not_contradict_the_host() {
    let app = TestApp::spawn().await;
    let (_, _, token) = world(&app).await;
    let bearer = format!("authorization: Bearer {token}");
    let get = async |target: &str, host: &str| {
        let line = format!("GET {target}{ROUTE} HTTP/1.1");
        app.wire_lines(&[&line, &format!("host: {host}"), &bearer])
            .await
    };
    for (target, host, brand) in [
        ("http://a.test", "a.test", "Brand a"),
        ("http://A.test.:80", "a.test:8080", "Brand a"),
        ("https://b.test", "b.test", "Brand b"),
    ] {
        assert_brand(&get(target, host).await, brand, target);
    }
    for (target, host) in [
        ("http://b.test", "a.test"),
        ("http://a.test", "b.test"),
        ("http://a.test@b.test", "a.test"),
        ("http://b.test@a.test", "a.test"),
        ("http://a.test.b.test", "a.test"),
    ] {
        let answer = get(target, host).await;
        assert_eq!(answer.status, 400, "{target} {host}: {answer:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn q14_a_brands_own_hosts_come_before_those_of_agents() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("landlord", &[&a, &b]).await;
    let domain = async |brand: &BrandFixture, domain: &str, status: &str| {
        let statement =
            "INSERT INTO agent_domain (agent_id, brand_id, domain, status) VALUES ($1, $2, $3, $4)";
        sqlx::query(statement)
            .bind(agent.guid.0)
            .bind(brand.id.0)
            .bind(domain)
            .bind(status)
            .execute(&app.owner)
            .await
            .unwrap();
    };
    domain(&b, "promo.test", "active").await;
    domain(&b, "closed.test", "disabled").await;
    // Claimed by an agent for b, but a host of brand a.
    domain(&b, "a.test", "active").await;
    for (host, brand) in [
        ("promo.test", Some("Brand b")),
        ("PROMO.test.:443", Some("Brand b")),
        ("closed.test", None),
        ("a.test", Some("Brand a")),
    ] {
        let request = app.request("GET", host, "/agent/common/brand");
        let answer = Answer::of(request).await;
        assert_eq!(answer.body["name"].as_str(), brand, "{host}: {answer:?}");
        assert_eq!(answer.status, if brand.is_some() { 200 } else { 404 });
    }
    app.finish().await;
}
