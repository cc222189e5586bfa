//! The whole set of paths, asked one by one.

use std::collections::BTreeSet;

use agent_testkit::{Answer, TestApp};

/// Method and path of every operation, new and old.
fn operations() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(agent_routes::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().clone();
    let new = paths.into_iter().flat_map(|(path, item)| {
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_uppercase(), path.clone()))
    });
    let old = agent_routes::aliases().into_iter().flat_map(|(alias, _)| {
        let methods = alias.methods.into_iter();
        methods.map(move |method| (method, alias.path.to_owned()))
    });
    new.chain(old).collect()
}

fn filled(path: &str) -> String {
    path.replace("{withdraw_no}", "W20260428000017")
        .replace("{player_id}", "17")
        .replace("/messages/{id}", "/messages/4711")
        .replace("{id}", "1")
}

/// Every path is answered by the route of that very path: none is unknown, none lies in the
/// shadow of another, and none is caught by a name for anything.
#[tokio::test]
async fn p008_p078_q04_no_path_shadows_another() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let operations = operations();
    assert!(operations.len() > 25, "{operations:?}");
    for (method, path) in &operations {
        assert!(!path.contains("{*"), "{path} catches everything");
        let request = app.request(method, &brand.host, &filled(path));
        let answer = Answer::of(request).await;
        assert_ne!(answer.status, 405, "{method} {path}: {answer:?}");
        let status = answer.status.to_string();
        let requests = &app.metrics.http_requests_total;
        let counted = requests.with_label_values(&[method, path, &status]).get();
        assert_eq!(counted, 1, "{method} {path} was answered by another route");
    }
    app.finish().await;
}

/// What stands directly under `/agent/` or an old prefix and is no route is unknown.
#[tokio::test]
async fn p078_q04_other_names_are_unknown() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("seeker", &[&brand]).await;
    let session = app.login(&brand.host, "seeker", &agent.password).await;
    for path in [
        "/agent",
        "/agent/",
        "/agent/x",
        "/agent/1",
        "/agent/agentStatisticX",
        "/agent/AgentStatistic",
        "/agent/agentstatistic",
        "/agent/login/x",
        "/agent/withdraw",
        "/agent/withdraw/",
        "/user",
        "/user/",
        "/user/x",
        "/user/logout",
        "/withdraw",
        "/withdraw/",
        "/withdraw/W1/x",
        "/bank/x",
        "/common/brand",
        "/common/enums",
        "/",
        "/login",
    ] {
        for method in ["GET", "POST"] {
            let answer = Answer::of(session.request(method, path)).await;
            answer.assert_problem(404, "not_found");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn p003_p004_there_is_no_versioned_namespace() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("seeker", &[&brand]).await;
    let session = app.login(&brand.host, "seeker", &agent.password).await;
    for (method, path) in operations() {
        for prefix in ["/api/v1", "/api", "/v1"] {
            let path = format!("{prefix}{}", filled(&path));
            let answer = Answer::of(session.request(&method, &path)).await;
            assert_eq!(answer.status, 404, "{method} {path}: {answer:?}");
        }
    }
    let login = Answer::of(app.request("GET", &brand.host, "/api/v1/agent/login")).await;
    login.assert_problem(404, "not_found");
    app.finish().await;
}

/// The old name of a route, where it is not the same path without its first segment.
const RENAMED: [(&str, &str); 3] = [
    ("/agent/agentStatistic", "/agent/sub/statistic"),
    ("/agent/agentStatisticDaily", "/agent/sub/statistic/daily"),
    ("/agent/statisticDaily", "/agent/home/trend"),
];

#[test]
fn p050_p051_p052_p053_p054_p055_p056_p057_p059_p069_p070_an_alias_stands_for_the_route_of_its_name()
 {
    let mut paths = BTreeSet::new();
    for (alias, _) in agent_routes::aliases() {
        let renamed = RENAMED.iter().find(|(path, _)| *path == alias.path);
        let bare = alias.path.strip_prefix("/user").unwrap_or(alias.path);
        let expected = renamed.map_or(format!("/agent{bare}"), |(_, route)| (*route).to_owned());
        assert_eq!(alias.route, expected, "{}", alias.path);
        assert!(paths.insert(alias.path), "{} is there twice", alias.path);
    }
    for path in [
        "/user/login",
        "/user/refresh_token",
        "/user/info",
        "/user/top_info",
        "/user/edit/password",
        "/withdraw/init",
        "/withdraw/add",
        "/withdraw/list",
        "/withdraw/{withdraw_no}",
        "/withdraw/{withdraw_no}/cancel",
        "/bank/list",
        "/common/agent_min_withdrawal_limit",
        "/coupon/grant",
        "/coupon/recycle",
        "/coupon/logs",
        "/coupon/recycle/logs",
        "/messages/list",
        "/messages/{id}",
        "/messages/{id}/read",
        "/messages/read",
        "/messages/unread/count",
        "/player/list",
        "/player/{player_id}",
        "/player/{player_id}/daily",
        "/player/{player_id}/coupons",
        "/provider/list",
        "/provider/percentage",
        "/provider/sub/percentage",
        "/provider/income",
    ] {
        assert!(paths.contains(path), "{path}");
    }
}

#[tokio::test]
async fn p007_p008_the_served_document_holds_the_new_paths_only() {
    let app = TestApp::spawn().await;
    let served = Answer::of(app.request("GET", "any.test", "/openapi.json")).await;
    assert_eq!(served.status, 200);
    let paths: BTreeSet<&String> = served.body["paths"].as_object().unwrap().keys().collect();
    for (alias, _) in agent_routes::aliases() {
        assert!(!paths.contains(&alias.path.to_owned()), "{}", alias.path);
        assert!(paths.contains(&alias.route), "{}", alias.route);
        assert!(!alias.methods.is_empty(), "{}", alias.path);
    }
    app.finish().await;
}

#[tokio::test]
async fn q23_an_alias_allows_what_its_route_allows() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("seeker", &[&brand]).await;
    let session = app.login(&brand.host, "seeker", &agent.password).await;
    for (alias, _) in agent_routes::aliases() {
        let mut allowed = Vec::new();
        for path in [alias.route.as_str(), alias.path] {
            let answer = Answer::of(session.request("PATCH", &filled(path))).await;
            answer.assert_problem(405, "method_not_allowed");
            allowed.push(answer.headers["allow"].to_str().unwrap().to_owned());
        }
        assert_eq!(allowed[0], allowed[1], "{}", alias.path);
        for method in &alias.methods {
            assert!(allowed[1].contains(method.as_str()), "{}", alias.path);
        }
    }
    app.finish().await;
}
