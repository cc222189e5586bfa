//! Commands that look at settings and routes without starting anything.

use std::path::Path;

use agent_testkit::process::run;

use super::{DISCRIMINATORS, Variables, assert_no_secret, names, text, with};

fn check_config(variables: &Variables) -> String {
    let output = run("agent-api", &["check-config"], variables);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

#[test]
fn p145_check_config_shows_every_variable_and_no_secret() {
    let variables = with([]);
    let shown = check_config(&variables);
    assert_no_secret(&shown, &variables);
    for line in [
        "AES_KEY=set (32 bytes)",
        "AES_IV=set (16 bytes)",
        "MULTI_BRAND_ENFORCEMENT=enforce",
        "RECOVERY_TOKEN_TTL_MINUTES=10 (default)",
        "RGB_ENV=production",
    ] {
        assert!(shown.lines().any(|found| found == line), "{line}: {shown}");
    }
    for name in [
        "DATABASE_URL=set (",
        "REDIS_URL=set (",
        "JWT_PRIVATE_KEY=set (",
        "SECRET_KEY=set (",
    ] {
        assert!(shown.contains(name), "{name}: {shown}");
    }
}

#[test]
fn p145_check_config_tells_every_fault_and_fails() {
    let variables = with([("AES_KEY", ""), ("MULTI_BRAND_ENFORCEMENT", "")]);
    let output = run("agent-api", &["check-config"], &variables);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output);
    let lines: Vec<String> = said.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(
        names(&lines),
        ["AES_KEY", "MULTI_BRAND_ENFORCEMENT"],
        "{said}"
    );
}

#[test]
fn p114_the_key_that_signs_wallet_writes_changes_nothing() {
    let variables = with([]);
    let signing = with([
        ("BRAND_SIGNING_KEY", "s3cret-of-the-wallet"),
        ("DATABASE_URL", &variables["DATABASE_URL"]),
        ("REDIS_URL", &variables["REDIS_URL"]),
        ("HTTP_LISTEN", &variables["HTTP_LISTEN"]),
        ("WORKER_LISTEN", &variables["WORKER_LISTEN"]),
    ]);
    assert_eq!(check_config(&variables), check_config(&signing));
}

#[test]
fn p204_outside_production_recovery_codes_may_be_exposed() {
    for discriminator in DISCRIMINATORS {
        for name in ["development", "test", "preproduction"] {
            let variables = with([
                ("RGB_ENV", ""),
                (discriminator, name),
                ("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on"),
            ]);
            let shown = check_config(&variables);
            assert!(
                shown.contains("RECOVERY_EXPOSE_TOKEN_FOR_TESTS=on"),
                "{shown}"
            );
        }
    }
}

#[test]
fn p112_the_life_of_recovery_codes_is_bounded() {
    for minutes in ["0", "61", "-1", "10m"] {
        let output = run(
            "agent-api",
            &["check-config"],
            &with([("RECOVERY_TOKEN_TTL_MINUTES", minutes)]),
        );
        assert_eq!(output.status.code(), Some(1), "{minutes}");
        assert!(text(&output).contains("RECOVERY_TOKEN_TTL_MINUTES"));
    }
    for minutes in ["1", "60"] {
        check_config(&with([("RECOVERY_TOKEN_TTL_MINUTES", minutes)]));
    }
}

#[test]
fn p009_the_committed_openapi_document_is_what_the_routes_say() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi/agent_service.json");
    let out = committed.to_str().unwrap();
    let checked = run(
        "agent-api",
        &["openapi", "--check", "--out", out],
        &Variables::new(),
    );
    assert!(checked.status.success(), "{}", text(&checked));

    let other = std::env::temp_dir().join(format!("agent-openapi-{}.json", std::process::id()));
    std::fs::write(&other, "{}\n").unwrap();
    let arguments = ["openapi", "--check", "--out", other.to_str().unwrap()];
    let checked = run("agent-api", &arguments, &Variables::new());
    std::fs::remove_file(&other).unwrap();
    assert_eq!(checked.status.code(), Some(1));
    assert!(text(&checked).contains("is not what the routes say"));
}
