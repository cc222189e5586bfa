//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// Not part of the repository: build output, development data, history, secrets for containers.
const SKIPPED: [&str; 7] = [
    "target",
    ".dev",
    ".git",
    ".env",
    "examples/typescript/build",
    "examples/typescript/node_modules",
    "examples/typescript/src/schema.ts",
];

/// The folder of the workspace's manifest.
pub fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().expect("tests/ lies in the root").to_owned()
}

/// Every file, relative to the root, with `/` between folders, sorted.
pub fn files() -> &'static [String] {
    static FILES: OnceLock<Vec<String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut found = Vec::new();
        walk(&root(), "", &mut found);
        found.sort();
        found
    })
}

fn walk(folder: &Path, prefix: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let entry = entry.expect("a folder's entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        let relative = format!("{prefix}{name}");
        if SKIPPED.contains(&relative.as_str()) {
            continue;
        }
        if entry.file_type().expect("a file type").is_dir() {
            walk(&entry.path(), &format!("{relative}/"), found);
        } else {
            found.push(relative);
        }
    }
}

/// Files whose path ends so, under a prefix.
pub fn files_under(prefix: &str, suffix: &str) -> Vec<&'static str> {
    let fits = |path: &&String| path.starts_with(prefix) && path.ends_with(suffix);
    files().iter().filter(fits).map(String::as_str).collect()
}

/// Whether a path of the repository names a file or a folder.
pub fn exists(path: &str) -> bool {
    root().join(path).exists()
}

/// The text of a file.
pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// As [`read`], for files that may hold bytes that are no text.
pub fn read_any(path: &str) -> String {
    let bytes = fs::read(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every document: the README and what lies under `docs/`.
pub fn documents() -> Vec<&'static str> {
    let mut documents = files_under("docs/", ".md");
    documents.push("README.md");
    documents
}
