//! A test that no module names is never compiled, and never fails.

use std::collections::BTreeSet;

use crate::tree;

const ENTRY: &str = "tests/it/main.rs";

/// Names of the modules that a file declares to lie in files of their own.
fn declared(source: &str) -> Vec<&str> {
    source.lines().filter_map(module).collect()
}

fn module(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
        Some(rest) => rest.trim_start(),
        None => line,
    };
    line.strip_prefix("mod ")?.strip_suffix(';')
}

/// Where the modules of a file lie: beside `main.rs` and `mod.rs`, else in a folder of its name.
fn folder(path: &str) -> &str {
    let own_folder = path.strip_suffix("/main.rs");
    own_folder
        .or_else(|| path.strip_suffix("/mod.rs"))
        .or_else(|| path.strip_suffix(".rs"))
        .expect("a Rust file")
}

/// The file of a module, whichever of the two it is.
fn file_of(folder: &str, module: &str) -> String {
    let plain = format!("{folder}/{module}.rs");
    if tree::exists(&plain) {
        plain
    } else {
        format!("{folder}/{module}/mod.rs")
    }
}

#[test]
fn every_file_of_the_tests_is_compiled() {
    let mut compiled = BTreeSet::new();
    let mut left = vec![ENTRY.to_owned()];
    while let Some(path) = left.pop() {
        let source = tree::read(&path);
        let modules = declared(&source).into_iter();
        left.extend(modules.map(|module| file_of(folder(&path), module)));
        compiled.insert(path);
    }
    let files = tree::files_under("tests/it/", ".rs");
    assert!(files.len() > 50, "only {} files were found", files.len());
    let forgotten: Vec<_> = files
        .iter()
        .filter(|path| !compiled.contains(**path))
        .collect();
    assert!(forgotten.is_empty(), "no module declares {forgotten:#?}");
}

#[test]
fn only_declarations_count_as_modules() {
    let source = "mod a;\npub mod b;\n    pub(crate) mod c;\npub(in crate::x) mod d;\n// mod e;\n\
                  mod f {\nlet mod_g = 1;\n";
    assert_eq!(declared(source), ["a", "b", "c", "d"]);
    assert_eq!(folder("tests/it/main.rs"), "tests/it");
    assert_eq!(folder("tests/it/pii/mod.rs"), "tests/it/pii");
    assert_eq!(folder("tests/it/portal/edit.rs"), "tests/it/portal/edit");
}
