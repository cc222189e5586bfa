//! A walk over every operation, new and old: who gets in (P-154, P-165).

mod objects;

use std::collections::BTreeSet;

use agent_testkit::{AgentFixture, Answer, BrandFixture, TestApp};
use serde_json::Value;

/// What needs no session. The list may only shrink.
const PUBLIC: [(&str, &str); 16] = [
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/agent/common/brand"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("POST", "/agent/forget"),
    ("POST", "/agent/forget/send-sms"),
    ("POST", "/agent/login"),
    ("POST", "/agent/recovery/request"),
    ("POST", "/agent/recovery/reset"),
    ("POST", "/agent/recovery/verify"),
    ("POST", "/agent/refresh_token"),
    ("POST", "/user/forget"),
    ("POST", "/user/forget/send-sms"),
    ("POST", "/user/login"),
    ("POST", "/user/refresh_token"),
];

/// One way into the service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Operation {
    method: String,
    /// The template, which is also the label in metrics.
    path: String,
    /// The route that runs: of an alias that of today.
    route: String,
    signed_in: bool,
}

/// What a client may forge, all at once: none of it says who asks, for which brand, where the
/// request goes, or where it comes from.
fn forged(host: &str, id: &str) -> Vec<(&'static str, String)> {
    let hosts = [
        "X-Forwarded-Host",
        "X-Host",
        "X-Original-Host",
        "X-Forwarded-Server",
        "X-HTTP-Host-Override",
        "Origin",
        "Referer",
    ];
    let ids = [
        "X-Brand-Id",
        "x_brand_id",
        "X-Brand",
        "X-Agent-Id",
        "X-Agent-Guid",
        "X-User-Id",
        "X-Operator-Id",
        "X-Internal-Token",
        "X-Caller-Service",
    ];
    let hosts = hosts.map(|name| (name, host.to_owned()));
    let others = [
        (
            "Forwarded",
            format!("for=127.0.0.1;host={host};proto=https"),
        ),
        ("X-Forwarded-For", "127.0.0.1".to_owned()),
        ("X-Real-IP", "127.0.0.1".to_owned()),
        ("X-Original-URL", "/health".to_owned()),
        ("X-Rewrite-URL", "/health".to_owned()),
        ("X-HTTP-Method-Override", "GET".to_owned()),
        ("Cookie", format!("brand_id={id}; agent_id={id}")),
    ];
    let ids = ids.map(|name| (name, id.to_owned()));
    hosts.into_iter().chain(ids).chain(others).collect()
}

/// The same host in other words.
fn spellings(host: &str) -> [String; 3] {
    [
        host.to_uppercase(),
        format!("{host}:8443"),
        format!("{host}.:80"),
    ]
}

impl Operation {
    fn target(&self) -> String {
        let target = self
            .path
            .replace("{withdraw_no}", "W20260428000017")
            .replace("{player_id}", "17")
            .replace("/messages/{id}", "/messages/4711")
            .replace("{guid}", "987654321")
            .replace("{id}", "1");
        assert!(
            !target.contains('{'),
            "say what stands for the name in {target}"
        );
        target
    }
}

/// What the document describes: an operation needs a session when it says so.
fn described() -> Vec<Operation> {
    let document = serde_json::to_value(agent_routes::document()).unwrap();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                route: path.clone(),
                signed_in: operation.get("security").is_some(),
            });
        }
    }
    operations
}

fn aliases() -> Vec<Operation> {
    let aliases = agent_routes::aliases().into_iter();
    let operations = aliases.flat_map(|(alias, signed_in)| {
        let methods = alias.methods.into_iter();
        methods.map(move |method| Operation {
            method,
            path: alias.path.to_owned(),
            route: alias.route.clone(),
            signed_in,
        })
    });
    operations.collect()
}

fn signed_in() -> Vec<Operation> {
    let mut operations = described();
    operations.extend(aliases());
    operations.retain(|operation| operation.signed_in);
    assert!(operations.len() >= 20, "{operations:?}");
    operations
}

/// Two brands and an agent of the first.
struct World {
    app: TestApp,
    own: BrandFixture,
    foreign: BrandFixture,
    agent: AgentFixture,
}

impl World {
    async fn under(mode: &str) -> Self {
        let app = TestApp::with(&[("MULTI_BRAND_ENFORCEMENT", mode)]).await;
        let (own, foreign) = (app.brand("a").await, app.brand("b").await);
        let agent = app.agent("walker", &[&own]).await;
        Self {
            app,
            own,
            foreign,
            agent,
        }
    }

    /// A token of a session of its own, because an operation may end it.
    async fn token(&self) -> String {
        let (username, password) = (&self.agent.username, &self.agent.password);
        let session = self.app.login(&self.own.host, username, password).await;
        session.access_token
    }

    async fn ask(
        &self,
        operation: &Operation,
        host: &str,
        token: Option<&str>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = self
            .app
            .request(&operation.method, host, &operation.target());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if operation.method != "GET" {
            request = request.json(&serde_json::json!({}));
        }
        Answer::of(request).await
    }
}

#[test]
fn p154_what_is_public_is_an_explicit_list() {
    let mut operations = described();
    operations.extend(aliases());
    let public: BTreeSet<(String, String)> = operations
        .into_iter()
        .filter(|operation| !operation.signed_in)
        .map(|operation| (operation.method, operation.path))
        .collect();
    let listed = PUBLIC.map(|(method, path)| (method.to_owned(), path.to_owned()));
    assert_eq!(public, BTreeSet::from(listed));
}

#[tokio::test]
async fn p154_without_a_session_nothing_else_answers() {
    let world = World::under("enforce").await;
    for operation in signed_in() {
        for host in [&world.own.host, &world.foreign.host, "nobodys.test"] {
            let forged = forged(&world.own.host, "1");
            let forged: Vec<_> = forged
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            for headers in [&[][..], &forged] {
                let answer = world.ask(&operation, host, None, headers).await;
                let told = (answer.status, answer.code());
                assert_eq!(told, (401, "unauthenticated"), "{operation:?}: {answer:?}");
            }
        }
    }
    world.app.finish().await;
}

#[tokio::test]
async fn p154_public_operations_ask_for_no_session() {
    let world = World::under("enforce").await;
    for (method, path) in PUBLIC {
        let operation = Operation {
            method: method.to_owned(),
            path: path.to_owned(),
            route: path.to_owned(),
            signed_in: false,
        };
        // An empty body is refused for what it lacks, before anybody is asked for.
        let answer = world.ask(&operation, &world.own.host, None, &[]).await;
        let expected: &[u16] = if method == "POST" {
            &[422]
        } else {
            &[200, 204]
        };
        assert!(
            expected.contains(&answer.status),
            "{operation:?}: {answer:?}"
        );
    }
    world.app.finish().await;
}

#[tokio::test]
async fn p154_p162_enforce_refuses_a_foreign_brand_everywhere() {
    let world = World::under("enforce").await;
    let token = world.token().await;
    let own_id = world.own.id.to_string();
    for operation in signed_in() {
        for (host, code) in [
            (world.foreign.host.as_str(), "brand_forbidden"),
            ("nobodys.test", "brand_unresolved"),
        ] {
            let counter = &world.app.metrics.multi_brand_violation_total;
            let counted = counter.with_label_values(&["enforce", code, &operation.path]);
            // A path is counted for all of its methods.
            let before = counted.get();
            let forged = forged(&world.own.host, &own_id);
            let forged: Vec<_> = forged
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            for headers in [&[][..], &[("X-Brand-Id", own_id.as_str())], &forged] {
                let answer = world.ask(&operation, host, Some(&token), headers).await;
                let told = (answer.status, answer.code());
                assert_eq!(told, (403, code), "{operation:?}: {answer:?}");
            }
            for host in spellings(host) {
                let answer = world.ask(&operation, &host, Some(&token), &[]).await;
                let told = (answer.status, answer.code());
                assert_eq!(told, (403, code), "{operation:?} of {host}: {answer:?}");
            }
            assert_eq!(counted.get() - before, 6, "{operation:?}");
        }
    }
    world.app.finish().await;
}

/// Neither let in nor kept out for its brand, nor a fault.
fn assert_passed(operation: &Operation, answer: &Answer) {
    assert!(
        !matches!(answer.status, 401 | 403) && answer.status < 500,
        "{operation:?}: {answer:?}"
    );
}

#[tokio::test]
async fn p154_p161_observe_counts_a_foreign_brand_everywhere_and_passes() {
    let world = World::under("observe").await;
    for operation in signed_in() {
        for (host, code) in [
            (world.foreign.host.as_str(), "brand_forbidden"),
            ("nobodys.test", "brand_unresolved"),
        ] {
            let token = world.token().await;
            let counter = &world.app.metrics.multi_brand_violation_total;
            let counted = counter.with_label_values(&["observe", code, &operation.path]);
            let before = counted.get();
            let answer = world.ask(&operation, host, Some(&token), &[]).await;
            assert_passed(&operation, &answer);
            assert_eq!(counted.get() - before, 1, "{operation:?}");
        }
    }
    world.app.finish().await;
}

#[tokio::test]
async fn p154_p163_off_lets_a_foreign_brand_pass_everywhere_and_counts_nothing() {
    let world = World::under("off").await;
    for operation in signed_in() {
        for host in [world.foreign.host.as_str(), "nobodys.test"] {
            let token = world.token().await;
            let answer = world.ask(&operation, host, Some(&token), &[]).await;
            assert_passed(&operation, &answer);
        }
    }
    let counted = world.app.metrics.render();
    assert!(
        !counted.contains("multi_brand_violation_total{"),
        "{counted}"
    );
    world.app.finish().await;
}

#[tokio::test]
async fn p165_a_forged_brand_changes_no_answer() {
    let world = World::under("enforce").await;
    let foreign_id = world.foreign.id.to_string();
    let own = &world.own.host;
    let forged = forged(&world.foreign.host, &foreign_id);
    let forged: Vec<_> = forged
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    for operation in signed_in() {
        let mut answers = Vec::new();
        for headers in [
            &[][..],
            &[("X-Brand-Id", foreign_id.as_str())],
            &[("x_brand_id", &foreign_id), ("X-Brand-Id", "999")],
            &[("X-Forwarded-Host", &world.foreign.host)],
            &forged,
        ] {
            let token = world.token().await;
            let mut answer = world.ask(&operation, own, Some(&token), headers).await;
            if let Some(body) = answer.body.as_object_mut() {
                body.remove("request_id");
                body.remove("last_login_at");
            }
            assert!(
                !matches!(answer.status, 401 | 403),
                "{operation:?}: {answer:?}"
            );
            answers.push((answer.status, answer.body));
        }
        for host in spellings(own) {
            let token = world.token().await;
            let answer = world.ask(&operation, &host, Some(&token), &[]).await;
            assert_eq!(answer.status, answers[0].0, "{operation:?} of {host}");
        }
        let first: &(u16, Value) = &answers[0];
        assert!(answers.iter().all(|answer| answer == first), "{answers:?}");
    }
    world.app.finish().await;
}

#[tokio::test]
async fn q92_what_belongs_to_no_brand_answers_under_any_host() {
    let world = World::under("enforce").await;
    for path in [
        "/health",
        "/health/live",
        "/health/ready",
        "/.well-known/jwks.json",
        "/openapi.json",
        "/docs",
    ] {
        for host in [world.own.host.as_str(), "nobodys.test", "127.0.0.1:8080"] {
            let answer = Answer::of(world.app.request("GET", host, path)).await;
            assert!(matches!(answer.status, 200 | 204), "{path}: {answer:?}");
        }
    }
    // Metrics are not on this listener.
    let metrics = world.app.request("GET", &world.own.host, "/metrics");
    Answer::of(metrics).await.assert_problem(404, "not_found");
    world.app.finish().await;
}
