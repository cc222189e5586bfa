//! What Postgres says that it did, read from its log: statements as they were sent, with their
//! parameters, and plans. So nothing of the product's SQL is copied here.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What stands before each entry. Lines that go on begin with a tab.
pub(crate) const PREFIX: &str = "@%a@ ";

/// One statement of a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    /// As text; `None` for a statement that was sent without preparing it, such as `BEGIN`.
    pub(crate) parameters: Option<Vec<Option<String>>>,
}

impl Statement {
    /// With its values in place of the parameters.
    pub(super) fn with_values(&self) -> String {
        let mut sql = self.sql.clone();
        let values = self.parameters.as_deref().unwrap_or_default();
        // The last ones first: `$1` begins `$12`.
        for (index, value) in values.iter().enumerate().rev() {
            let literal = match value {
                Some(value) => format!("'{}'", value.replace('\'', "''")),
                None => "NULL".to_owned(),
            };
            sql = sql.replace(&format!("${}", index + 1), &literal);
        }
        sql
    }
}

/// The log of a server, from some place on.
pub(crate) struct ServerLog {
    path: PathBuf,
    offset: u64,
}

impl ServerLog {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// What was written since the last call.
    pub(crate) fn news(&mut self) -> anyhow::Result<String> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Entries of one application: severity and text.
fn entries<'l>(log: &'l str, application: &str) -> Vec<(&'l str, String)> {
    let prefix = format!("@{application}@ ");
    let mut entries: Vec<(&str, String)> = Vec::new();
    let mut is_ours = false;
    for line in log.lines() {
        if let Some(more) = line.strip_prefix('\t') {
            if let Some((_, text)) = entries.last_mut().filter(|_| is_ours) {
                text.push('\n');
                text.push_str(more);
            }
            continue;
        }
        let entry = line.strip_prefix(&prefix);
        let entry = entry.and_then(|line| line.split_once(":  "));
        is_ours = entry.is_some();
        if let Some((severity, text)) = entry {
            entries.push((severity, text.to_owned()));
        }
    }
    entries
}

/// The statements of an application, in their order (`log_statement = all`).
pub(crate) fn statements(log: &str, application: &str) -> Vec<Statement> {
    let mut found: Vec<Statement> = Vec::new();
    for (severity, text) in entries(log, application) {
        if let Some(values) = text
            .get(..12)
            .filter(|head| severity == "DETAIL" && head.eq_ignore_ascii_case("parameters: "))
            .and_then(|_| text.get(12..))
        {
            if let Some(last) = found.last_mut() {
                last.parameters = Some(parameters(values));
            }
        } else if let Some(sql) = text.strip_prefix("statement: ") {
            found.push(Statement {
                sql: sql.to_owned(),
                parameters: None,
            });
        } else if let Some((_, sql)) = text
            .strip_prefix("execute ")
            .and_then(|text| text.split_once(": "))
        {
            found.push(Statement {
                sql: sql.to_owned(),
                parameters: Some(Vec::new()),
            });
        }
    }
    found
}

/// `$1 = 'it''s', $2 = NULL`.
fn parameters(text: &str) -> Vec<Option<String>> {
    let mut values = Vec::new();
    let mut rest = text;
    while let Some((_, value)) = rest.split_once(" = ") {
        let Some(quoted) = value.strip_prefix('\'') else {
            values.push(None);
            rest = value.strip_prefix("NULL").unwrap_or("");
            continue;
        };
        let mut content = String::new();
        let mut characters = quoted.char_indices();
        let mut end = quoted.len();
        while let Some((at, character)) = characters.next() {
            if character != '\'' {
                content.push(character);
            } else if quoted[at + 1..].starts_with('\'') {
                content.push('\'');
                characters.next();
            } else {
                end = at + 1;
                break;
            }
        }
        values.push(Some(content));
        rest = &quoted[end..];
    }
    values
}

/// A plan as `auto_explain` logs it.
#[derive(Clone, Debug)]
pub(crate) struct LoggedPlan {
    pub(crate) sql: String,
    pub(crate) milliseconds: f64,
    pub(crate) plan: Value,
}

/// The plans of an application, in their order (`auto_explain.log_format = json`).
pub(crate) fn plans(log: &str, application: &str) -> Vec<LoggedPlan> {
    let entries = entries(log, application).into_iter();
    entries
        .filter_map(|(_, text)| {
            let (head, json) = text.split_once("plan:\n")?;
            let milliseconds = head.strip_prefix("duration: ")?.split(' ').next()?;
            let mut json: Value = serde_json::from_str(json).ok()?;
            Some(LoggedPlan {
                sql: json["Query Text"].as_str()?.to_owned(),
                milliseconds: milliseconds.parse().ok()?,
                plan: json["Plan"].take(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_and_parameters_of_one_application() {
        let log = "@api@ LOG:  statement: BEGIN\n\
                   @other@ LOG:  statement: SELECT 1\n\
                   \tFROM nothing\n\
                   @api@ LOG:  execute sqlx_s_1: SELECT $1,\n\
                   \t    $2, $3\n\
                   @api@ DETAIL:  parameters: $1 = 'it''s, $2 = x', $2 = NULL, $3 = '{1,2}'\n\
                   @api@ LOG:  execute <unnamed>: SELECT 2\n";
        let found = statements(log, "api");
        let texts: Vec<&str> = found.iter().map(|one| one.sql.as_str()).collect();
        assert_eq!(texts, ["BEGIN", "SELECT $1,\n    $2, $3", "SELECT 2"]);
        assert_eq!(found[0].parameters, None);
        let values = ["it's, $2 = x".to_owned(), "{1,2}".to_owned()];
        let [first, last] = values.map(Some);
        assert_eq!(found[1].parameters, Some(vec![first, None, last]));
        assert_eq!(found[2].parameters, Some(Vec::new()));
    }

    #[test]
    fn values_take_the_place_of_parameters() {
        let mut parameters = vec![Some("it's".to_owned()); 11];
        parameters[1] = None;
        parameters[10] = Some("eleven".to_owned());
        let statement = Statement {
            sql: "SELECT $1, $2, $11".to_owned(),
            parameters: Some(parameters),
        };
        assert_eq!(statement.with_values(), "SELECT 'it''s', NULL, 'eleven'");
    }

    #[test]
    fn plans_of_one_application() {
        let log = "@api@ LOG:  duration: 1.500 ms  plan:\n\
                   \t{\n\t  \"Query Text\": \"SELECT 1\",\n\t  \"Plan\": {\"Node Type\": \"Result\"}\n\t}\n\
                   @lab@ LOG:  duration: 1.500 ms  plan:\n\t{}\n";
        let found = plans(log, "api");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].sql, "SELECT 1");
        assert_eq!(found[0].plan["Node Type"], "Result");
        assert!((found[0].milliseconds - 1.5).abs() < 1e-9);
    }
}
