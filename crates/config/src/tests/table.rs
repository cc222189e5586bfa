//! The table of variables is what is read, and what `.env.example` says.

use std::collections::BTreeSet;

use super::fixture::{Vars, names};
use crate::{Env, VARIABLES, env_example};

const ON_DISK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.env.example");

#[test]
fn the_table_holds_exactly_the_variables_that_are_read() {
    let vars = Vars::production();
    let (api, worker) = (vars.api().unwrap(), vars.worker().unwrap());
    for read in [api.redacted(), worker.redacted()] {
        let once: BTreeSet<&str> = read.iter().map(|(name, _)| *name).collect();
        assert_eq!(once.len(), read.len(), "a variable is read twice");
    }
    let read: BTreeSet<&str> = api
        .redacted()
        .iter()
        .chain(worker.redacted())
        .map(|(name, _)| *name)
        .collect();
    let listed: BTreeSet<&str> = VARIABLES.iter().map(|variable| variable.name).collect();
    assert_eq!(read, listed);
    assert_eq!(listed.len(), VARIABLES.len(), "a variable is listed twice");
}

#[test]
fn every_variable_has_a_group_and_one_line_of_meaning_and_no_secret_a_default() {
    for variable in VARIABLES {
        assert!(!variable.group.is_empty());
        assert!(variable.meaning.ends_with('.'), "{}", variable.name);
        assert!(variable.meaning.len() <= 100, "{}", variable.name);
        assert!(!variable.meaning.contains('\n'), "{}", variable.name);
        assert!(!(variable.secret && variable.default.is_some()));
    }
    let groups: Vec<&str> = VARIABLES.iter().map(|variable| variable.group).collect();
    let mut runs = groups.clone();
    runs.dedup();
    let distinct: BTreeSet<&str> = groups.into_iter().collect();
    assert_eq!(runs.len(), distinct.len(), "a group is split");
}

#[test]
fn the_example_on_disk_is_the_table() {
    let on_disk = std::fs::read_to_string(ON_DISK).unwrap();
    assert!(
        on_disk == env_example(),
        "write it anew: cargo run -q -p agent-config --example env_example > .env.example"
    );
}

#[test]
fn the_example_lacks_only_what_is_required() {
    let example = env_example();
    let pairs = example
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once('=').unwrap());
    let env = Env::from_pairs(pairs);
    let errors = crate::ApiSettings::load(&env).unwrap_err().to_string();
    let faults: Vec<String> = errors.lines().map(str::to_owned).collect();
    assert_eq!(
        names(&faults),
        ["DATABASE_URL", "REDIS_URL", "MULTI_BRAND_ENFORCEMENT"]
    );
}
