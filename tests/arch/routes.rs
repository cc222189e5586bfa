//! The routes, their document and their old names.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{source, tree};

const SNAPSHOT: &str = "openapi/agent_service.json";

/// The document that the routes write.
pub fn document() -> Value {
    serde_json::to_value(agent_routes::document()).expect("JSON")
}

/// Method, path and operation, in the document's order.
pub fn operations() -> Vec<(String, String, Value)> {
    let document = document();
    let paths = document["paths"].as_object().expect("paths");
    let mut operations = Vec::new();
    for (path, item) in paths {
        for (method, operation) in item.as_object().expect("an item") {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

fn paths() -> BTreeSet<String> {
    operations().into_iter().map(|(_, path, _)| path).collect()
}

/// Files that mount routes.
fn mounting() -> Vec<&'static str> {
    source::files_with(&[".routes(routes!("])
}

/// Handlers in the calls of `routes!`.
fn mounted_in(code: &str) -> usize {
    let mounted = code.split("routes!(").skip(1);
    mounted
        .filter_map(|rest| rest.split(')').next())
        .map(|handlers| {
            let named = handlers.split(',').filter(|one| !one.trim().is_empty());
            named.count()
        })
        .sum()
}

fn alias_paths() -> BTreeSet<String> {
    let aliases = agent_routes::aliases().into_iter();
    aliases.map(|(alias, _)| alias.path.to_owned()).collect()
}

#[test]
fn p009_the_snapshot_is_what_the_routes_say() {
    let written = agent_routes::document().to_pretty_json().expect("JSON") + "\n";
    let hint = "write it anew with `cargo dev openapi`";
    assert!(tree::read(SNAPSHOT) == written, "{SNAPSHOT} is old: {hint}");
}

#[test]
fn p007_no_old_path_is_in_the_document() {
    let (paths, aliases) = (paths(), alias_paths());
    assert!(!aliases.is_empty(), "the table of aliases is empty");
    let both: Vec<_> = paths.intersection(&aliases).collect();
    assert!(both.is_empty(), "{both:?}");
    let text = tree::read(SNAPSHOT);
    for alias in aliases {
        assert!(!text.contains(&format!("\"{alias}\"")), "{alias}");
    }
}

/// Whatever is served is in the document: routes come from descriptions, and the few paths that
/// are added by hand are the documentation itself.
#[test]
fn p008_every_route_is_in_the_document() {
    let mut by_hand = source::files_with(&[".route("]);
    // Stand in for the SMS provider, and serve nothing of the product.
    by_hand.retain(|path| !path.starts_with("crates/lab/") && !path.starts_with("crates/chaos/"));
    let known = [
        "crates/routes/src/legacy/mod.rs",
        "crates/routes/src/ops/docs.rs",
        // A listener of its own, for metrics.
        "crates/telemetry/src/ops.rs",
    ];
    assert_eq!(by_hand, known);
    // Methods of one path are mounted together: `routes!(a::read, a::write)`.
    let described: usize = mounting()
        .iter()
        .map(|file| mounted_in(&source::code(file)))
        .sum();
    assert_eq!(operations().len(), described, "operations in the document");
    for group in [
        "/agent/withdraw/",
        "/agent/bank/",
        "/agent/common/",
        "/agent/edit/",
    ] {
        assert!(
            paths().iter().any(|path| path.starts_with(group)),
            "{group}"
        );
    }
}

/// Clients are made from the document: two operations of one name would be one for them.
#[test]
fn p007_every_operation_has_a_name_of_its_own() {
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations() {
        let name = operation["operationId"].as_str().expect("a name");
        assert!(names.insert(name.to_owned()), "{method} {path}: {name}");
    }
}

/// A member of an answer is always there, null or not; those that may lack say never to be null.
#[test]
fn p007_answers_hold_every_member_that_may_be_null() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object();
    let schemas = schemas.expect("schemas").iter();
    let mut seen = 0;
    for (name, schema) in schemas.filter(|(name, _)| !name.ends_with("Body")) {
        let no_required = Vec::new();
        let required = schema["required"].as_array().unwrap_or(&no_required);
        for (member, kind) in schema["properties"].as_object().into_iter().flatten() {
            let null = Value::from("null");
            let types = kind["type"].as_array();
            if types.is_some_and(|types| types.contains(&null)) {
                seen += 1;
                let member = Value::from(member.as_str());
                assert!(required.contains(&member), "{name}: {member}");
            }
        }
    }
    assert!(seen > 20, "only {seen} members may be null");
}

#[test]
fn p020_the_group_of_the_agents_own_account_exists() {
    let paths = paths();
    for path in [
        "login",
        "refresh_token",
        "logout",
        "info",
        "top_info",
        "edit/password",
    ] {
        assert!(paths.contains(&format!("/agent/{path}")), "{path}");
    }
}

#[test]
fn p029_the_group_of_withdrawals_exists() {
    let paths = paths();
    for path in [
        "init",
        "add",
        "list",
        "{withdraw_no}",
        "{withdraw_no}/cancel",
    ] {
        assert!(paths.contains(&format!("/agent/withdraw/{path}")), "{path}");
    }
}

#[test]
fn p003_routes_are_mounted_at_the_top_level() {
    let portal = |path: &String| path.starts_with("/agent/");
    let ops = |path: &String| path.starts_with("/health") || path.starts_with("/.well-known/");
    let others: Vec<_> = paths()
        .into_iter()
        .filter(|path| !portal(path) && !ops(path))
        .collect();
    assert!(others.is_empty(), "{others:?}");
    let nesting = source::files_with(&[".nest(", ".nest_service("]);
    assert_eq!(nesting, [""; 0], "a prefix is put before routes");
}

#[test]
fn p004_no_route_and_no_alias_has_a_version_in_its_path() {
    let versioned = |path: &String| path.contains("/v1") || path.starts_with("/api");
    let found: Vec<_> = paths()
        .into_iter()
        .chain(alias_paths())
        .filter(versioned)
        .collect();
    assert!(found.is_empty(), "{found:?}");
}

/// Features mount what needs a session; what needs none stands in one list.
#[test]
fn p005_p006_new_routes_and_old_names_are_mounted_from_one_place_each() {
    for file in mounting() {
        let feature = file.starts_with("crates/routes/src/portal/");
        assert!(feature || file == "crates/routes/src/lib.rs", "{file}");
        let mounts = source::code(file).matches("OpenApiRouter::new()").count();
        assert!(!feature || mounts == 1, "{file} has another router");
    }
    assert_eq!(
        source::files_with(&[".alias("]),
        ["crates/routes/src/legacy/portal.rs"]
    );
}

/// A path with a parameter directly under `/agent/` would swallow the old reports' names.
#[test]
fn q04_nothing_catches_all_paths_under_agent() {
    for path in paths() {
        let catches = path.starts_with("/agent/{") || path.contains("{*");
        assert!(!catches, "{path}");
    }
}

/// The list of what needs no session may only shrink.
#[test]
fn p154_public_routes_are_an_explicit_list() {
    let public: BTreeSet<String> = operations()
        .into_iter()
        .filter(|(_, _, operation)| operation.get("security").is_none())
        .map(|(_, path, _)| path)
        .collect();
    let known = [
        "/.well-known/jwks.json",
        "/agent/common/brand",
        "/agent/forget",
        "/agent/forget/send-sms",
        "/agent/login",
        "/agent/recovery/request",
        "/agent/recovery/reset",
        "/agent/recovery/verify",
        "/agent/refresh_token",
        "/health",
        "/health/live",
        "/health/ready",
    ];
    assert_eq!(public, known.map(str::to_owned).into());
}

#[test]
fn p079_an_alias_is_public_exactly_when_its_route_is() {
    let is_public = |route: &str| {
        let found = operations().into_iter().find(|(_, path, _)| path == route);
        let (_, _, operation) = found.unwrap_or_else(|| panic!("{route} is no route"));
        operation.get("security").is_none()
    };
    for (alias, signed_in) in agent_routes::aliases() {
        assert_eq!(is_public(&alias.route), !signed_in, "{}", alias.path);
    }
}

#[test]
fn every_alias_lies_under_a_prefix_of_old_frontends() {
    for path in alias_paths() {
        let mut prefixes = agent_routes::LEGACY_PREFIXES.iter();
        let known = prefixes.any(|prefix| path.starts_with(prefix));
        assert!(known || path.starts_with("/agent/"), "{path}");
    }
}
