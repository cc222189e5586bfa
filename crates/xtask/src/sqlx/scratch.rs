//! A database that lives as long as one command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use agent_devenv::{PostgresTools, tell};

use crate::failure::{Failure, Outcome, While};
use crate::step;

/// Dropped at the end.
pub(super) struct Scratch<'a> {
    tools: &'a PostgresTools,
    psql: PathBuf,
    server_url: &'a str,
    name: String,
    url: String,
}

impl<'a> Scratch<'a> {
    /// `server_url` names the superuser and the database `postgres`.
    pub(super) fn create(tools: &'a PostgresTools, server_url: &'a str) -> Outcome<Self> {
        let psql = tools.psql().ok_or_else(|| {
            Failure::message(
                "psql is needed to apply the migrations: install the PostgreSQL client",
            )
        })?;
        let name = format!("sqlx_{}", std::process::id());
        let url = with_database(server_url, &name).ok_or_else(|| {
            Failure::message("the database URL of the test server has no database")
        })?;
        let scratch = Self {
            tools,
            psql,
            server_url,
            name,
            url,
        };
        step::output(
            scratch
                .psql(server_url)
                .args(["-c", &format!("create database {}", scratch.name)]),
            "create a database",
        )?;
        Ok(scratch)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Applies every file in the order of its name. The binary that migrates cannot be asked:
    /// it does not compile while `.sqlx/` is behind the queries.
    pub(super) fn migrate(&self, folder: &Path) -> Outcome<()> {
        let files = sql_files(folder)?;
        tell(&format!(
            "applying {} files of {}",
            files.len(),
            folder.display()
        ));
        for file in files {
            let mut psql = self.psql(&self.url);
            // Notices about what is not there yet say nothing to a person.
            psql.env("PGOPTIONS", "-c client_min_messages=warning")
                .arg("-f")
                .arg(&file);
            step::output(&mut psql, &format!("apply {}", file.display()))?;
        }
        Ok(())
    }

    fn psql(&self, url: &str) -> Command {
        let mut command = self.tools.command(&self.psql);
        command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url]);
        command
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        let _ = step::output(
            self.psql(self.server_url).args(["-c", &drop]),
            "drop the database",
        );
    }
}

/// Numbered files first, then the others, such as grants.
fn sql_files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).while_doing(|| format!("read {}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "sql"))
        .collect();
    files.sort_by_key(|path| (!starts_with_digit(path), path.clone()));
    Ok(files)
}

fn starts_with_digit(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        name.to_string_lossy()
            .starts_with(|first: char| first.is_ascii_digit())
    })
}

/// Replaces the path of a URL; parameters stay.
fn with_database(url: &str, name: &str) -> Option<String> {
    let (address, parameters) = url
        .split_once('?')
        .map_or((url, None), |(address, rest)| (address, Some(rest)));
    let (server, _) = address
        .rsplit_once('/')
        .filter(|(server, _)| server.contains("://") && !server.ends_with('/'))?;
    let parameters = parameters.map_or_else(String::new, |rest| format!("?{rest}"));
    Some(format!("{server}/{name}{parameters}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_only_the_database_of_a_url() {
        assert_eq!(
            with_database("postgres://u@h:1/postgres", "x").as_deref(),
            Some("postgres://u@h:1/x")
        );
        assert_eq!(
            with_database("postgres://u:p@h/db?sslmode=disable", "x").as_deref(),
            Some("postgres://u:p@h/x?sslmode=disable")
        );
        assert_eq!(with_database("postgres://host", "x"), None);
    }

    #[test]
    fn grants_come_after_the_tables() {
        let folder = std::env::temp_dir().join(format!("agent-xtask-sql-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for name in ["grants.sql", "0002_b.sql", "0001_a.sql", "README.md"] {
            fs::write(folder.join(name), "").unwrap();
        }
        let names: Vec<String> = sql_files(&folder)
            .unwrap()
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["0001_a.sql", "0002_b.sql", "grants.sql"]);
        fs::remove_dir_all(&folder).unwrap();
    }
}
