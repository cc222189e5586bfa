//! What documents name exists, and no file names what belongs to one machine.

use std::collections::BTreeSet;

use crate::{source, tree};

/// Endings by which a word in backticks is taken for a file.
const ENDINGS: [&str; 10] = [
    ".rs", ".md", ".toml", ".sql", ".json", ".yml", ".lock", ".sh", ".html", ".example",
];

/// Folders that are there only after a first run.
const MADE_LATER: [&str; 2] = [".dev/", "target/"];

/// Words between backticks, outside of fenced blocks, with the document they stand in.
fn quoted() -> Vec<(&'static str, String)> {
    let mut words = Vec::new();
    for document in tree::documents() {
        let text = tree::read(document);
        let prose: String = text.split("\n```").step_by(2).collect();
        let spans = prose.split('`').skip(1).step_by(2);
        words.extend(spans.map(|span| (document, span.to_owned())));
    }
    words
}

fn is_path(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./*".contains(&byte);
    if word.starts_with('/') || !word.bytes().all(plain) || word.contains("..") {
        return false;
    }
    let first = word.split('/').next().unwrap_or_default();
    let in_tree = word.contains('/') && tree::exists(first) && !first.is_empty();
    in_tree
        || ENDINGS
            .iter()
            .any(|ending| word.ends_with(ending) && word.len() > ending.len())
}

/// From the root, or, as prose likes to write, the end of a path.
fn names_something(word: &str) -> bool {
    let word = word.trim_end_matches('/');
    if MADE_LATER
        .iter()
        .any(|folder| format!("{word}/").starts_with(folder))
    {
        return true;
    }
    if let Some((before, after)) = word.split_once('*') {
        let fits = |path: &&String| path.starts_with(before) && path.ends_with(after);
        return tree::files().iter().any(|path| fits(&path));
    }
    let end = format!("/{word}");
    tree::exists(word) || tree::files().iter().any(|path| path.ends_with(&end))
}

#[test]
fn every_path_that_a_document_names_exists() {
    let words = quoted();
    let paths: Vec<_> = words.iter().filter(|(_, word)| is_path(word)).collect();
    assert!(paths.len() > 50, "only {} paths were found", paths.len());
    let missing: Vec<_> = paths
        .iter()
        .filter(|(_, word)| !names_something(word))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut missing = Vec::new();
    for document in tree::documents() {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        let text = tree::read(document);
        for target in text.split("](").skip(1) {
            let target = target.split([')', '#']).next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://");
            if !outside && !tree::root().join(folder).join(target).exists() {
                missing.push((document, target.to_owned()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// Every document can be reached: a file under `docs/` that no other document names is lost.
#[test]
fn every_document_is_named_by_another() {
    for document in tree::files_under("docs/", ".md") {
        let name = document.rsplit('/').next().unwrap_or(document);
        let others = tree::documents();
        let mut others = others.iter().filter(|other| **other != document);
        assert!(
            others.any(|other| tree::read(other).contains(name)),
            "{document}"
        );
    }
}

/// Words that follow a command in the documents, code blocks included.
fn uses_of(command: &str) -> BTreeSet<(&'static str, String, String)> {
    let mut found = BTreeSet::new();
    for document in tree::documents() {
        let text = tree::read(document);
        for rest in text.split(command).skip(1) {
            let line = rest.lines().next().unwrap_or_default();
            let word = |text: &str| -> String {
                let letters = |c: &char| c.is_ascii_lowercase() || *c == '-';
                text.chars().take_while(letters).collect()
            };
            let mut words = line.split_whitespace();
            let first = word(words.next().unwrap_or_default());
            let after = line.get(first.len()..).unwrap_or_default();
            let ended = !after.starts_with(' ');
            let second = words.next().filter(|_| !ended).unwrap_or_default();
            found.insert((document, first, word(second)));
        }
    }
    found
}

#[test]
fn every_development_command_that_a_document_names_exists() {
    let help = tree::read("crates/xtask/src/help.rs");
    let topics: BTreeSet<&str> = help
        .split("name: \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(topics.contains("up"), "no topics were found");
    let uses = uses_of("cargo dev ");
    assert!(uses.len() >= 10, "only {} uses were found", uses.len());
    for (document, command, word) in uses {
        let known = topics.contains(command.as_str()) || matches!(&*command, "" | "help");
        assert!(known, "{document} names `cargo dev {command}`");
        let commands = format!("crates/lab/src/{command}.rs");
        let has_commands = tree::exists(&commands) && command != "tail";
        if has_commands && !word.is_empty() && !word.starts_with("--") {
            let variants = source::variants(&commands, "Command");
            let known = variants
                .iter()
                .any(|variant| source::kebab(variant) == word);
            assert!(known, "{document} names `cargo dev {command} {word}`");
        }
    }
}

#[test]
fn every_operators_command_that_a_document_names_exists() {
    let variants = source::variants("crates/api/src/command/mod.rs", "Command");
    // In a span or at the begin of an indented line; "agent-api" within a sentence is the program.
    let uses = uses_of("`agent-api ")
        .into_iter()
        .chain(uses_of("\n    agent-api "));
    let uses: Vec<_> = uses.collect();
    assert!(uses.len() > 5, "only {} uses were found", uses.len());
    for (document, command, _) in uses {
        let known = variants
            .iter()
            .any(|variant| source::kebab(variant) == command);
        assert!(known, "{document} names `agent-api {command}`");
    }
}

/// Metrics that documents name are metrics that a process has.
#[test]
fn every_metric_that_a_document_names_exists() {
    let source = tree::read("crates/telemetry/src/metrics.rs");
    let process = tree::read("crates/telemetry/src/process.rs");
    for (document, word) in quoted() {
        let name = word.split('{').next().unwrap_or_default();
        let counter = name.ends_with("_total") || name.ends_with("_seconds");
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if !counter || !name.bytes().all(plain) {
            continue;
        }
        let known = source.contains(&format!(" {name}:")) || process.contains(name);
        // The list of requirements also tells of what is still to come.
        let planned = document.starts_with("docs/requirements/");
        assert!(known || planned, "{document} names the metric {name}");
    }
}

#[test]
fn no_file_names_what_belongs_to_one_machine() {
    // Written apart, so that this file does not hold them.
    let forbidden = [
        concat!("/ro", "ot/"),
        concat!("/wo", "rk/"),
        concat!("/Us", "ers/"),
        concat!("../sh", "ared"),
        concat!("file:/", "//"),
        concat!("py", "pi.org"),
        concat!("static.crat", "es.io"),
        concat!("registry.npm", "js.org"),
        concat!("BEGIN RSA PRIV", "ATE KEY-----\nMII"),
    ];
    let mut found = Vec::new();
    for path in tree::files() {
        // Cargo's own file names the index.
        if path == "Cargo.lock" {
            continue;
        }
        let text = tree::read_any(path);
        let held = forbidden.iter().filter(|word| text.contains(**word));
        found.extend(held.map(|word| (path, *word)));
    }
    assert!(found.is_empty(), "{found:#?}");
}
