//! Where things lie.

use std::{collections::BTreeSet, fs};

use crate::tree;

#[test]
fn nothing_lies_at_the_top_without_a_reason() {
    let known = BTreeSet::from([
        ".cargo",
        ".ci",
        ".config",
        ".dev",
        ".dockerignore",
        ".env",
        ".env.example",
        ".git",
        ".gitignore",
        ".sqlx",
        "Cargo.lock",
        "Cargo.toml",
        "Dockerfile",
        "README.md",
        "clippy.toml",
        "crates",
        "deny.toml",
        "docker-compose.yml",
        "docs",
        "examples",
        "migrations",
        "openapi",
        "rustfmt.toml",
        "target",
        "tests",
    ]);
    for entry in fs::read_dir(tree::root()).expect("the root") {
        let name = entry
            .expect("an entry")
            .file_name()
            .into_string()
            .expect("UTF-8");
        assert!(known.contains(name.as_str()), "{name}");
    }
}

/// Whoever knows the URL knows the files: a handler's use case and statements have its stem.
#[test]
fn one_feature_is_one_file_stem_in_every_layer() {
    let stems = |layer: &str| -> BTreeSet<String> {
        let prefix = format!("crates/{layer}/src/portal/");
        let files = tree::files_under(&prefix, ".rs").into_iter();
        let stem = |path: &str| {
            path.strip_prefix(&prefix)?
                .strip_suffix(".rs")
                .map(str::to_owned)
        };
        files.filter_map(stem).collect()
    };
    // The shape of lists belongs to every feature.
    let routes: BTreeSet<String> = stems("routes")
        .into_iter()
        .filter(|stem| stem != "list")
        .collect();
    // Use cases without a route have a name of their own: what operators do; masking is shared.
    let routeless = [
        "account",
        "contact",
        "coupon_expiry",
        "coupon_grant",
        "coupon_recycle",
        "downline",
        "edit_bank",
        "edit_phone",
        "masking",
        "one_time_code",
        "pace",
        "payout_account",
        "payout_password",
        "recovery_account",
        "recovery_request",
        "recovery_reset",
        "player_selection",
        "repeatable",
        "withdraw_transition",
    ];
    for layer in ["persistence", "services"] {
        for stem in stems(layer) {
            let known = routes.contains(&stem) || routeless.contains(&stem.as_str());
            assert!(known, "{stem} in {layer} belongs to no route");
        }
    }
    assert!(
        routes.is_subset(&stems("persistence")),
        "a route without its statements"
    );
}

#[test]
fn the_checks_of_the_readme_are_those_of_ci() {
    let ci = tree::read(".ci/run");
    let readme = tree::read("README.md");
    for command in [
        "cargo fmt --all --check",
        "cargo clippy --workspace --all-targets -- -D warnings",
        "cargo test --workspace",
        "cargo dev sqlx --check",
        "cargo dev openapi --check",
    ] {
        assert!(ci.contains(command), ".ci/run lacks {command}");
        assert!(readme.contains(command), "README.md lacks {command}");
    }
}
