//! The list of requirements against the tests that name them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use crate::{source, tree};

const LIST: &str = "docs/requirements/portal.md";

/// What the list says of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    /// Not built yet.
    Later,
    /// A decision: it has no state of its own.
    Decided,
}

/// The list: id (`P-131`) to state.
fn list() -> BTreeMap<String, State> {
    let mut list = BTreeMap::new();
    for line in tree::read(LIST).lines() {
        let Some(row) = line.strip_prefix("- ") else {
            continue;
        };
        let (head, sentence) = row
            .split_once(": ")
            .unwrap_or_else(|| panic!("{LIST}: {line}"));
        let (id, state) = match head.split_once(' ') {
            Some((id, "done")) => (id, State::Done),
            Some((id, "later")) => (id, State::Later),
            None if head.starts_with("Q-") => (head, State::Decided),
            _ => panic!("{LIST}: {line}"),
        };
        assert!(is_id(id) && sentence.ends_with('.'), "{LIST}: {line}");
        let earlier = list.insert(id.to_owned(), state);
        assert_eq!(earlier, None, "{LIST} has {id} twice");
    }
    list
}

/// `P-` and three digits, `Q-` and two or three.
fn is_id(text: &str) -> bool {
    let digits = |rest: &str, lengths: &[usize]| {
        lengths.contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit())
    };
    match text.split_at_checked(2) {
        Some(("P-", rest)) => digits(rest, &[3]),
        Some(("Q-", rest)) => digits(rest, &[2, 3]),
        _ => false,
    }
}

/// Requirements that a test's name begins with: `p161_p162_q15_…`.
fn ids_of(name: &str) -> Vec<String> {
    let id = |part: &str| {
        let (kind, digits) = part.split_at_checked(1)?;
        let id = format!("{}-{digits}", kind.to_ascii_uppercase());
        is_id(&id).then_some(id)
    };
    name.split('_').map_while(id).collect()
}

/// Names of the test functions of a source. A function without `#[test]` or the like above it,
/// or with `#[ignore]`, is none.
fn tests_of(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut is_test, mut ignored) = (false, false);
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            ignored |= line.starts_with("#[ignore");
        } else if let Some((_, rest)) = line.split_once("fn ") {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            if is_test && !ignored {
                names.push(name);
            }
            (is_test, ignored) = (false, false);
        } else if line.ends_with('}') {
            (is_test, ignored) = (false, false);
        }
    }
    names
}

/// Requirement to the tests that name it.
fn coverage() -> BTreeMap<String, BTreeSet<String>> {
    let mut coverage: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let sources = tree::files_under("crates/", ".rs").into_iter();
    for path in sources.chain(tree::files_under("tests/", ".rs")) {
        for name in tests_of(&tree::read(path)) {
            for id in ids_of(name) {
                let place = format!("{path}::{name}");
                coverage.entry(id).or_default().insert(place);
            }
        }
    }
    coverage
}

#[test]
fn q102_every_requirement_that_is_done_has_a_test_that_names_it() {
    let (list, coverage) = (list(), coverage());
    let mut report = String::new();
    let mut uncovered = Vec::new();
    for (id, state) in &list {
        let tests = coverage.get(id).map_or(0, BTreeSet::len);
        let word = match (state, tests) {
            (State::Done, 0) => {
                uncovered.push(id);
                "done, WITHOUT A TEST"
            }
            (State::Done, _) => "done",
            (State::Later, 0) => "later",
            (State::Later, _) => "later, tested in part",
            (State::Decided, 0) => "decided, no test names it",
            (State::Decided, _) => "decided",
        };
        writeln!(report, "{id:6} {tests:3} tests  {word}").expect("a string takes it");
    }
    let count = |state: State| list.values().filter(|own| **own == state).count();
    println!("{report}");
    println!("{} done, {} later", count(State::Done), count(State::Later));
    assert!(uncovered.is_empty(), "done without a test: {uncovered:?}");
}

#[test]
fn q102_no_test_names_a_requirement_that_is_not_in_the_list() {
    let list = list();
    let unknown: BTreeMap<_, _> = coverage()
        .into_iter()
        .filter(|(id, _)| !list.contains_key(id))
        .collect();
    assert!(unknown.is_empty(), "{unknown:#?}");
}

/// Comments and documents cite requirements; a reader has to be able to look them up.
#[test]
fn q102_every_requirement_that_is_cited_is_in_the_list() {
    let list = list();
    let mut unknown = BTreeSet::new();
    for path in tree::files() {
        let text = [".rs", ".md", ".sql", ".toml", ".yml", ".example"];
        if text.iter().any(|ending| path.ends_with(ending)) {
            let cited = cited(&tree::read(path));
            unknown.extend(cited.into_iter().filter(|id| !list.contains_key(id)));
        }
    }
    // Curves of elliptic cryptography.
    unknown.retain(|id| id != "P-256" && id != "P-384");
    assert!(unknown.is_empty(), "{unknown:?}");
}

fn cited(text: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for (at, _) in text.match_indices(['P', 'Q']) {
        let before = text[..at].chars().next_back();
        let rest = &text[at..];
        let digits = rest.bytes().skip(2).take_while(u8::is_ascii_digit).count();
        let id = rest.get(..2 + digits).unwrap_or_default();
        if is_id(id) && !before.is_some_and(|c| c.is_alphanumeric() || c == '-') {
            ids.push(id.to_owned());
        }
    }
    ids
}

#[test]
fn q102_the_list_is_in_order_and_states_each_line_once() {
    let text = tree::read(LIST);
    let ids: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("- "))
        .filter_map(|row| row.split([' ', ':']).next())
        .collect();
    let number = |id: &&str| id[2..].parse::<u32>().unwrap_or(0);
    for kind in ["P-", "Q-"] {
        let numbers: Vec<u32> = ids
            .iter()
            .filter(|id| id.starts_with(kind))
            .map(number)
            .collect();
        assert!(numbers.is_sorted(), "{kind} is not in order");
    }
}

#[test]
fn names_of_tests_are_read_as_meant() {
    assert_eq!(
        ids_of("p161_p162_q15_every_cell"),
        ["P-161", "P-162", "Q-15"]
    );
    assert_eq!(ids_of("p131"), ["P-131"]);
    assert_eq!(ids_of("pays_p131_once"), [""; 0]);
    assert_eq!(ids_of("q7_no_id"), [""; 0]);
    let text = "#[test]\nfn one() {\n}\nfn two() {\n}\n#[tokio::test]\n#[ignore = \"slow\"]\nasync fn three() {}\n\
                #[tokio::test(flavor = \"multi_thread\")]\nasync fn four() {\n}\n";
    assert_eq!(tests_of(text), ["one", "four"]);
    assert_eq!(
        cited("(P-131, Q-9, Q-86), SHA-256 P-256 XP-100"),
        ["P-131", "Q-86", "P-256"]
    );
}

/// The suites that operators know by name exist, and run with `cargo test`. Each is a file, or a
/// file with a folder of its name.
#[test]
fn p095_the_three_suites_are_there_under_their_names() {
    let root = source::code("tests/it/main.rs");
    for suite in ["agent_integration", "outbox_poller", "events_health"] {
        let path = format!("tests/it/{suite}.rs");
        assert!(tree::exists(&path), "{path} is missing");
        let files = tree::files_under(&format!("tests/it/{suite}"), ".rs");
        let has_tests = |path: &&str| !tests_of(&tree::read(path)).is_empty();
        assert!(files.iter().any(has_tests), "{suite} has no test");
        let declared = root.contains(&format!("mod {suite};"));
        assert!(declared, "{suite} is in no target");
    }
}
