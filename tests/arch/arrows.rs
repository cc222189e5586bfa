//! The manifests against the table of [`crates`](crate::crates).

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::OnceLock,
};

use serde_json::Value;

use crate::{
    crates::{CRATES, Crate, DEVELOPMENT, HTTP_CLIENTS, SOLE_USERS},
    tree,
};

/// Folder of a package: `kv` for `agent-kv`, `xtask`, and `tests`.
fn folder(package: &str) -> &str {
    package.strip_prefix("agent-").unwrap_or(package)
}

/// A dependency as a manifest states it.
struct Dependency {
    name: String,
    /// Only for tests.
    dev: bool,
}

/// What `cargo` knows of the workspace, by folder.
fn workspace() -> &'static BTreeMap<String, Vec<Dependency>> {
    static WORKSPACE: OnceLock<BTreeMap<String, Vec<Dependency>>> = OnceLock::new();
    WORKSPACE.get_or_init(|| {
        let packages = metadata()["packages"].as_array().expect("packages");
        packages.iter().map(package).collect()
    })
}

/// The answer of `cargo metadata` without dependencies.
pub fn metadata() -> &'static Value {
    static METADATA: OnceLock<Value> = OnceLock::new();
    METADATA.get_or_init(|| {
        let output = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
        serde_json::from_str(&output).expect("JSON")
    })
}

/// Runs cargo without the network and gives what it prints.
fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(tree::root())
        .output()
        .expect("cargo runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn package(package: &Value) -> (String, Vec<Dependency>) {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let dependencies = package["dependencies"].as_array().expect("dependencies");
    let dependencies = dependencies.iter().map(|dependency| Dependency {
        name: text(&dependency["name"]),
        dev: dependency["kind"] == "dev",
    });
    let name = text(&package["name"]);
    (folder(&name).to_owned(), dependencies.collect())
}

/// Crates of ours that a crate uses.
fn ours(dependencies: &[Dependency], dev: bool) -> BTreeSet<&str> {
    dependencies
        .iter()
        .filter(|dependency| dependency.dev == dev && dependency.name.starts_with("agent-"))
        .map(|dependency| folder(&dependency.name))
        .collect()
}

#[test]
fn arrows_between_crates_are_those_of_the_table() {
    let listed: BTreeSet<&str> = CRATES.iter().map(|row| row.folder).collect();
    let mut known: BTreeSet<&str> = workspace().keys().map(String::as_str).collect();
    assert!(known.remove("tests"), "the package agent-tests is gone");
    assert_eq!(listed, known, "the table lists every crate and no other");
    for row in CRATES {
        let mut used = ours(&workspace()[row.folder], false);
        used.remove("telemetry");
        let allowed: BTreeSet<&str> = row.uses.iter().copied().collect();
        assert_eq!(used, allowed, "crates that {} uses", row.folder);
    }
}

/// What needs the whole product for its test belongs into `tests/it/`.
#[test]
fn unit_tests_of_what_is_shipped_need_no_other_layer() {
    let shipped = |row: &&Crate| !DEVELOPMENT.contains(&row.folder);
    for row in CRATES.iter().filter(shipped) {
        let used = ours(&workspace()[row.folder], true);
        let allowed = BTreeSet::from(["devenv"]);
        assert!(
            used.is_subset(&allowed),
            "{} tests with {used:?}",
            row.folder
        );
    }
}

#[test]
fn arrows_make_no_circle_and_the_longest_chain_is_short() {
    fn depth(name: &str, above: &mut Vec<&'static str>) -> usize {
        let row = CRATES.iter().find(|row| row.folder == name);
        let row = row.unwrap_or_else(|| panic!("{name} is in no row"));
        assert!(
            !above.contains(&row.folder),
            "{above:?} leads back to {name}"
        );
        above.push(row.folder);
        let deepest = row.uses.iter().map(|below| depth(below, above)).max();
        above.pop();
        1 + deepest.unwrap_or(0)
    }
    for row in CRATES {
        let depth = depth(row.folder, &mut Vec::new());
        assert!(
            depth <= 6,
            "a chain of {depth} crates begins at {}",
            row.folder
        );
    }
}

#[test]
fn libraries_have_the_users_of_the_table() {
    for (library, allowed) in SOLE_USERS {
        let uses = |dependencies: &[Dependency]| {
            let used = |one: &Dependency| one.name == *library && !one.dev;
            dependencies.iter().any(used)
        };
        let users: BTreeSet<&str> = workspace()
            .iter()
            .filter(|(folder, dependencies)| {
                !DEVELOPMENT.contains(&folder.as_str()) && uses(dependencies)
            })
            .map(|(folder, _)| folder.as_str())
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        assert_eq!(users, allowed, "users of {library}");
    }
}

/// Whom `clients` calls is a list: a module for each, and an address only from the settings.
#[test]
fn p117_p171_q05_what_is_shipped_can_call_the_sms_provider_and_nothing_else() {
    for (folder, dependencies) in workspace() {
        if DEVELOPMENT.contains(&folder.as_str()) {
            continue;
        }
        for dependency in dependencies {
            let name = dependency.name.as_str();
            let allowed = folder == "clients" && name == "reqwest";
            assert!(
                allowed || !HTTP_CLIENTS.contains(&name),
                "{folder} uses {name}"
            );
        }
    }
    let called: Vec<&str> = tree::files_under("crates/clients/src/", ".rs")
        .into_iter()
        .filter_map(|path| path.strip_prefix("crates/clients/src/"))
        .filter(|path| !path.contains("tests"))
        .collect();
    assert_eq!(called, ["guard.rs", "lib.rs", "sms.rs"]);
    // The server libraries have clients too, behind features.
    let manifest = tree::read("Cargo.toml");
    for line in manifest.lines().filter(|line| line.starts_with("hyper")) {
        assert!(!line.contains("\"client"), "{line}");
    }
}

/// `deny.toml` is for `cargo deny`, which not every machine has; its list of banned libraries is
/// held here too.
#[test]
fn banned_libraries_are_not_in_the_shipped_graph() {
    let deny = tree::read("deny.toml");
    let banned: BTreeSet<&str> = deny
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = \""))
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(banned.contains("openssl"), "no list was found: {banned:?}");
    let tree = cargo(&[
        "tree",
        "-p",
        "agent-api",
        "-p",
        "agent-worker",
        "-e",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let used: BTreeSet<&str> = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(used.contains("axum"), "no graph was found");
    let both: Vec<_> = banned.intersection(&used).collect();
    assert!(both.is_empty(), "{both:?}");
}
