//! A set of `query-<hash>.json` files.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde_json::Value;

use crate::failure::{Outcome, While};

/// Name and content of each file.
#[derive(Debug, Default)]
pub(super) struct QueryFiles(BTreeMap<String, String>);

impl QueryFiles {
    /// An empty set when there is no such folder.
    pub(super) fn read(folder: &Path) -> Outcome<Self> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(error).while_doing(|| format!("read {}", folder.display())),
        };
        let mut files = BTreeMap::new();
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("query-") && name.ends_with(".json") {
                let content = fs::read_to_string(entry.path())
                    .while_doing(|| format!("read {}", entry.path().display()))?;
                files.insert(name, content);
            }
        }
        Ok(Self(files))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One line per file that is new, changed or stale in `old`.
    pub(super) fn differences(&self, old: &Self) -> Vec<String> {
        let new_or_changed = self
            .0
            .iter()
            .filter_map(|(name, content)| match old.0.get(name) {
                None => Some(line("missing", name, content)),
                Some(before) if before != content => Some(line("changed", name, content)),
                Some(_) => None,
            });
        let stale = old
            .0
            .iter()
            .filter(|(name, _)| !self.0.contains_key(*name))
            .map(|(name, content)| line("stale", name, content));
        new_or_changed.chain(stale).collect()
    }

    /// Makes the folder hold exactly this set.
    pub(super) fn replace(&self, folder: &Path) -> Outcome<()> {
        fs::create_dir_all(folder).while_doing(|| format!("create {}", folder.display()))?;
        for name in Self::read(folder)?
            .0
            .keys()
            .filter(|name| !self.0.contains_key(*name))
        {
            let path = folder.join(name);
            fs::remove_file(&path).while_doing(|| format!("delete {}", path.display()))?;
        }
        for (name, content) in &self.0 {
            let path = folder.join(name);
            fs::write(&path, content).while_doing(|| format!("write {}", path.display()))?;
        }
        Ok(())
    }
}

/// A hash says nothing to a person, so the start of the query is shown as well.
fn line(what: &str, name: &str, content: &str) -> String {
    let value: Value = serde_json::from_str(content).unwrap_or_default();
    let words: Vec<&str> = value["query"]
        .as_str()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let start: String = words.join(" ").chars().take(60).collect();
    format!("{what}  .sqlx/{name}  {start}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(pairs: &[(&str, &str)]) -> QueryFiles {
        QueryFiles(
            pairs
                .iter()
                .map(|(name, content)| ((*name).to_owned(), (*content).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn tells_missing_changed_and_stale_files() {
        let fresh = set(&[
            ("query-a.json", "{\"query\":\"select\\n  1\"}"),
            ("query-b.json", "new"),
            ("query-c.json", "same"),
        ]);
        let old = set(&[
            ("query-b.json", "old"),
            ("query-c.json", "same"),
            ("query-d.json", "{}"),
        ]);
        let lines = fresh.differences(&old);
        assert_eq!(
            lines,
            [
                "missing  .sqlx/query-a.json  select 1",
                "changed  .sqlx/query-b.json  ",
                "stale  .sqlx/query-d.json  "
            ]
        );
        assert!(
            fresh
                .differences(&set(&[
                    ("query-a.json", "{\"query\":\"select\\n  1\"}"),
                    ("query-b.json", "new"),
                    ("query-c.json", "same")
                ]))
                .is_empty()
        );
    }

    #[test]
    fn stale_files_vanish_and_others_stay() {
        let folder = std::env::temp_dir().join(format!("agent-xtask-sqlx-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        assert_eq!(QueryFiles::read(&folder).unwrap().len(), 0);
        set(&[("query-old.json", "o"), ("query-kept.json", "k")])
            .replace(&folder)
            .unwrap();
        fs::write(folder.join("README"), "not ours").unwrap();
        let fresh = set(&[("query-kept.json", "k2")]);
        fresh.replace(&folder).unwrap();
        assert!(
            fresh
                .differences(&QueryFiles::read(&folder).unwrap())
                .is_empty()
        );
        assert!(folder.join("README").exists());
        assert!(!folder.join("query-old.json").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
