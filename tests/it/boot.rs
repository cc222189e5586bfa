//! What keeps the binaries from starting, and what does not (P-100 … P-114, P-136 … P-145, P-203,
//! P-204, Q-07, Q-09, Q-10).

mod commands;
mod refusals;
mod starts;

use std::{collections::BTreeMap, process::Output, sync::OnceLock};

use agent_testkit::process::{free_address, run};

type Variables = BTreeMap<String, String>;

/// Both binaries.
const BOTH: [&str; 2] = ["agent-api", "agent-worker"];
const DISCRIMINATORS: [&str; 3] = ["RGB_ENV", "APP_ENV", "ENVIRONMENT"];

/// Key material that must not show up anywhere. The PEM is made by the product itself.
fn keys() -> &'static Variables {
    static KEYS: OnceLock<Variables> = OnceLock::new();
    KEYS.get_or_init(|| {
        let made = run("agent-api", &["generate-secrets"], &Variables::new());
        assert!(made.status.success());
        let lines = String::from_utf8(made.stdout).unwrap();
        let pairs = lines.lines().map(|line| line.split_once('=').unwrap());
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    })
}

/// A complete production-grade environment whose servers are away.
fn production() -> Variables {
    let away = free_address();
    let mut variables = keys().clone();
    for (name, value) in [
        ("RGB_ENV", "production".to_owned()),
        (
            "DATABASE_URL",
            format!("postgres://app:s3cret-of-postgres@{away}/agent"),
        ),
        ("REDIS_URL", format!("redis://app:s3cret-of-redis@{away}/0")),
        ("MULTI_BRAND_ENFORCEMENT", "enforce".to_owned()),
        ("HTTP_LISTEN", free_address().to_string()),
        ("METRICS_LISTEN", "127.0.0.1:0".to_owned()),
        ("WORKER_LISTEN", free_address().to_string()),
        ("PER_CALLER_TOKEN_REQUIRED", "on".to_owned()),
        ("AES_STRICT_DECRYPT", "on".to_owned()),
    ] {
        variables.insert(name.to_owned(), value);
    }
    variables
}

/// The environment with changes; an empty value unsets.
fn with<'a>(changes: impl IntoIterator<Item = (&'a str, &'a str)>) -> Variables {
    let mut variables = production();
    for (name, value) in changes {
        match value {
            "" => variables.remove(name),
            value => variables.insert(name.to_owned(), value.to_owned()),
        };
    }
    variables
}

fn text(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8(both).unwrap()
}

/// Panics when key material of the environment, or a part of it, is in a text.
#[track_caller]
fn assert_no_secret(text: &str, variables: &Variables) {
    for (name, value) in variables
        .iter()
        .filter(|(name, _)| keys().contains_key(*name))
    {
        let middle = value.get(value.len() / 2..value.len() / 2 + 12);
        for part in [value.as_str(), middle.unwrap_or(value)] {
            assert!(!text.contains(part), "{name} is shown: {text}");
        }
    }
    for word in ["s3cret", "PRIVATE KEY"] {
        assert!(!text.contains(word), "{word} is shown: {text}");
    }
}

/// Runs a binary that must not start, and gives the lines in which it says why.
#[track_caller]
fn refusal(binary: &str, variables: &Variables) -> Vec<String> {
    let output = run(binary, &[], variables);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{binary}: {said}");
    assert_no_secret(&said, variables);
    let lines = said.lines().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines[0], format!("{binary}: cannot start:"), "{said}");
    lines[1..].to_vec()
}

/// The names at the beginning of the lines of a refusal.
fn names(lines: &[String]) -> Vec<&str> {
    let name = |line: &'_ String| line.split(':').next().map(str::len);
    lines
        .iter()
        .map(|line| &line[..name(line).unwrap_or(0)])
        .collect()
}
