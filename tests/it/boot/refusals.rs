//! Environments in which nothing may start.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
};

use super::{BOTH, DISCRIMINATORS, Variables, names, production, refusal, with};

/// Wrong in size, and to be found again if it were shown.
const SHORT: &str = "0123456789abcdefSHORT";

/// One of the three names is production-grade.
fn prod_grade<'a>(discriminator: &'a str, name: &'a str) -> [(&'a str, &'a str); 2] {
    [("RGB_ENV", ""), (discriminator, name)]
}

#[test]
fn p102_p105_p110_p136_p139_p145_q07_q09_a_missing_or_mis_sized_key_keeps_both_binaries_down() {
    let cases = [
        ("SECRET_KEY", ""),
        ("PASSWORD_SALT", ""),
        ("AES_KEY", ""),
        ("AES_IV", ""),
        ("AES_KEY", SHORT),
        ("AES_IV", SHORT),
        ("SECRET_KEY", "tiny-key"),
    ];
    for discriminator in DISCRIMINATORS {
        for (name, value) in cases {
            let variables = with(
                prod_grade(discriminator, "production")
                    .into_iter()
                    .chain([(name, value)]),
            );
            for binary in BOTH {
                let lines = refusal(binary, &variables);
                assert_eq!(names(&lines), [name], "{binary} under {discriminator}");
                let guarded = ["PASSWORD_SALT", "AES_KEY", "AES_IV"].contains(&name);
                assert_eq!(
                    lines[0].contains("AesPiiKeysMisconfigured"),
                    guarded,
                    "{lines:?}"
                );
            }
        }
    }
}

#[test]
fn p137_q09_every_spelling_of_production_counts() {
    for name in ["staging", "production", "prod", " PRODUCTION "] {
        for discriminator in DISCRIMINATORS {
            let variables = with(
                prod_grade(discriminator, name)
                    .into_iter()
                    .chain([("AES_KEY", "")]),
            );
            assert_eq!(names(&refusal("agent-worker", &variables)), ["AES_KEY"]);
        }
    }
    // One production-grade name is enough, whatever the others say.
    let variables = with([
        ("RGB_ENV", "dev"),
        ("APP_ENV", "local"),
        ("ENVIRONMENT", "staging"),
        ("AES_KEY", ""),
    ]);
    assert_eq!(names(&refusal("agent-api", &variables)), ["AES_KEY"]);
}

#[test]
fn p110_the_api_needs_its_signing_key_in_production() {
    for discriminator in DISCRIMINATORS {
        let variables = with(
            prod_grade(discriminator, "prod")
                .into_iter()
                .chain([("JWT_PRIVATE_KEY", "")]),
        );
        assert_eq!(
            names(&refusal("agent-api", &variables)),
            ["JWT_PRIVATE_KEY"]
        );
    }
    for broken in [
        "no PEM at all",
        "-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----",
    ] {
        let variables = with([("JWT_PRIVATE_KEY", broken)]);
        let lines = refusal("agent-api", &variables);
        assert_eq!(names(&lines), ["JWT_PRIVATE_KEY"]);
        assert!(
            !lines[0].contains("AAAA") && !lines[0].contains("no PEM at all"),
            "{lines:?}"
        );
    }
}

#[test]
fn p145_every_fault_is_told_at_once_and_no_key_with_it() {
    let mut variables = with([
        ("SECRET_KEY", ""),
        ("PASSWORD_SALT", ""),
        ("AES_KEY", SHORT),
        ("AES_IV", SHORT),
        ("DATABASE_URL", ""),
        ("REDIS_URL", "http://app:s3cret-of-redis@localhost/0"),
        ("DB_POOL_MAX", "0"),
    ]);
    let shared = [
        "AES_IV",
        "AES_KEY",
        "DATABASE_URL",
        "DB_POOL_MAX",
        "PASSWORD_SALT",
        "REDIS_URL",
        "SECRET_KEY",
    ];
    let worker = refusal("agent-worker", &variables);
    let mut told = names(&worker);
    told.sort_unstable();
    assert_eq!(told, shared);

    for (name, value) in [
        ("JWT_PRIVATE_KEY", "s3cret"),
        ("MULTI_BRAND_ENFORCEMENT", "perhaps"),
        ("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on"),
    ] {
        variables.insert(name.to_owned(), value.to_owned());
    }
    let api = refusal("agent-api", &variables);
    let mut told = names(&api);
    told.sort_unstable();
    let mut expected = shared.to_vec();
    expected.extend([
        "JWT_PRIVATE_KEY",
        "MULTI_BRAND_ENFORCEMENT",
        "RECOVERY_EXPOSE_TOKEN_FOR_TESTS",
    ]);
    expected.sort_unstable();
    assert_eq!(told, expected);
}

#[test]
fn p100_p101_the_servers_have_to_be_named_in_every_environment() {
    for environment in ["production", "dev", ""] {
        for name in ["DATABASE_URL", "REDIS_URL"] {
            let variables = with([("RGB_ENV", environment), (name, "")]);
            for binary in BOTH {
                assert_eq!(names(&refusal(binary, &variables)), [name]);
            }
        }
    }
}

#[test]
fn p106_the_brand_mode_has_to_be_one_of_three_words() {
    for environment in ["production", "dev"] {
        for mode in ["", "on", "Enforce", "enforced", "observe,enforce", "0"] {
            let variables = with([("RGB_ENV", environment), ("MULTI_BRAND_ENFORCEMENT", mode)]);
            assert_eq!(
                names(&refusal("agent-api", &variables)),
                ["MULTI_BRAND_ENFORCEMENT"]
            );
        }
    }
}

#[test]
fn p113_p203_p204_recovery_codes_are_never_exposed_in_production() {
    for discriminator in DISCRIMINATORS {
        for name in ["staging", "production", "prod"] {
            let exposing = [("RECOVERY_EXPOSE_TOKEN_FOR_TESTS", "on")];
            let variables = with(prod_grade(discriminator, name).into_iter().chain(exposing));
            let lines = refusal("agent-api", &variables);
            assert_eq!(
                names(&lines),
                ["RECOVERY_EXPOSE_TOKEN_FOR_TESTS"],
                "{discriminator}={name}"
            );
        }
    }
}

/// An address of ours: whoever binds it fails, whoever connects to it is seen.
struct Trap(TcpListener);

impl Trap {
    fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    fn assert_untouched(&self) {
        assert_eq!(self.0.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    }
}

#[test]
fn p136_nothing_listens_and_nothing_is_connected_to_before_the_guards_pass() {
    let (http, database, redis) = (Trap::set(), Trap::set(), Trap::set());
    let mut variables: Variables = production();
    for name in ["HTTP_LISTEN", "METRICS_LISTEN", "WORKER_LISTEN"] {
        variables.insert(name.to_owned(), http.address().to_string());
    }
    let urls = [
        ("DATABASE_URL", "postgres", &database),
        ("REDIS_URL", "redis", &redis),
    ];
    for (name, scheme, trap) in urls {
        variables.insert(name.to_owned(), format!("{scheme}://{}/0", trap.address()));
    }
    // With all keys the taken address is what fails.
    for (binary, listen) in [
        ("agent-api", "HTTP_LISTEN"),
        ("agent-worker", "WORKER_LISTEN"),
    ] {
        let output = agent_testkit::process::run(binary, &[], &variables);
        let said = super::text(&output);
        assert!(
            said.contains(&format!("{listen}: cannot listen on")),
            "{said}"
        );
        assert_eq!(output.status.code(), Some(1));
    }
    variables.remove("AES_KEY");
    for binary in BOTH {
        assert_eq!(names(&refusal(binary, &variables)), ["AES_KEY"]);
    }
    for trap in [http, database, redis] {
        trap.assert_untouched();
    }
}
