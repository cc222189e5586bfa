//! Parts of documents that are made from code, between markers:
//! `<!-- BEGIN name: made from … -->` and `<!-- END name -->`.

use std::{fmt::Write as _, fs};

use agent_config::VARIABLES;
use agent_domain::Code;

use crate::{crates as table_of, events, routes, tree};

/// A part of a document.
struct Part {
    document: &'static str,
    name: &'static str,
    text: String,
}

fn parts() -> Vec<Part> {
    let part = |document, name, text| Part {
        document,
        name,
        text,
    };
    vec![
        part("README.md", "configuration", configuration()),
        part("docs/ARCHITECTURE.md", "crates", crates()),
        part("docs/ARCHITECTURE.md", "sole-users", sole_users()),
        part("docs/API.md", "routes", route_table()),
        part("docs/API.md", "codes", codes()),
        part("docs/EVENTS.md", "envelope", events::envelope()),
        part("docs/EVENTS.md", "events", events::sections()),
        part("docs/LEGACY-ALIASES.md", "aliases", aliases()),
        part("docs/LOGGING.md", "metrics", metrics()),
    ]
}

/// A Markdown table.
pub fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head.map(str::to_owned));
    text += &line(&head.map(|_| "---".to_owned()));
    for row in rows {
        text += &line(&row.map(|cell| cell.replace('|', "\\|")));
    }
    text
}

pub fn code(text: &str) -> String {
    format!("`{text}`")
}

fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.into_iter().map(code).collect();
    if names.is_empty() {
        "–".to_owned()
    } else {
        names.join(", ")
    }
}

fn configuration() -> String {
    let mut text = String::new();
    let mut groups: Vec<&str> = VARIABLES.iter().map(|variable| variable.group).collect();
    groups.dedup();
    for group in groups {
        let rows = VARIABLES.iter().filter(|variable| variable.group == group);
        let rows = rows.map(|variable| {
            let secret = if variable.secret { " *(secret)*" } else { "" };
            [
                code(variable.name),
                variable.default.map_or_else(String::new, code),
                format!("{}{secret}", variable.meaning),
            ]
        });
        let rows = table(["Name", "Default", "Meaning"], rows);
        write!(text, "**{group}**\n\n{rows}\n").expect("a string takes it");
    }
    text.trim_end().to_owned() + "\n"
}

fn crates() -> String {
    let rows = table_of::CRATES.iter().map(|row| {
        [
            code(row.folder),
            row.what.to_owned(),
            list(row.uses.iter().copied()),
        ]
    });
    table(["Crate", "What it is", "Uses, beside `telemetry`"], rows)
}

fn sole_users() -> String {
    let rows = table_of::SOLE_USERS
        .iter()
        .map(|(library, users)| [code(library), list(users.iter().copied())]);
    table(["Library", "May be used by"], rows)
}

fn route_table() -> String {
    let rows = routes::operations()
        .into_iter()
        .map(|(method, path, operation)| {
            let summary = operation["summary"].as_str().unwrap_or_default();
            let session = match operation.get("security") {
                Some(_) => "yes",
                None => "",
            };
            [method, code(&path), summary.to_owned(), session.to_owned()]
        });
    table(["Method", "Path", "What it does", "Session"], rows)
}

fn codes() -> String {
    let rows = Code::ALL.iter().map(|own| {
        [
            own.status().to_string(),
            code(own.as_str()),
            own.title().to_owned(),
        ]
    });
    table(["Status", "`code`", "`title`"], rows)
}

fn aliases() -> String {
    let rows = agent_routes::aliases()
        .into_iter()
        .map(|(alias, signed_in)| {
            let session = if signed_in { "yes" } else { "" };
            [
                code(alias.path),
                alias.methods.join(", "),
                code(&alias.route),
                session.to_owned(),
            ]
        });
    table(["Old path", "Methods", "Runs", "Session"], rows)
}

/// Name, labels and help of every metric, read from the file that declares them.
fn metrics() -> String {
    let source = tree::read("crates/telemetry/src/metrics.rs");
    let (_, declared) = source
        .split_once("\nmetrics! {\n")
        .expect("the declarations");
    let declared = declared.split("\n}\n").next().unwrap_or_default();
    let (mut help, mut rows) = (String::new(), Vec::new());
    for line in declared.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            help = text.to_owned();
        } else if let Some((name, kind)) = line.split_once(": ") {
            let labels = kind.split('"').skip(1).step_by(2);
            rows.push([code(name), list(labels), std::mem::take(&mut help)]);
        }
    }
    assert!(rows.len() > 30, "the declarations were not found");
    table(["Metric", "Labels, beside `service`", "Meaning"], rows)
}

/// The document with the part in its place.
fn filled(part: &Part) -> (String, String) {
    let old = tree::read(part.document);
    let (begin, end) = (
        format!("<!-- BEGIN {}:", part.name),
        format!("<!-- END {} -->", part.name),
    );
    let from = old
        .find(&begin)
        .unwrap_or_else(|| panic!("{} lacks {begin}", part.document));
    let from = from + old[from..].find("-->\n").expect("the marker's end") + 4;
    let to = old
        .find(&end)
        .unwrap_or_else(|| panic!("{} lacks {end}", part.document));
    let new = format!("{}\n{}\n{}", &old[..from], part.text, &old[to..]);
    (old, new)
}

#[test]
fn tables_in_documents_are_what_the_code_says() {
    let update = std::env::var_os("UPDATE_DOCS").is_some();
    for part in parts() {
        let (old, new) = filled(&part);
        if update {
            fs::write(tree::root().join(part.document), new).expect("written");
        } else {
            let hint = "UPDATE_DOCS=1 cargo test -p agent-tests --test arch";
            assert!(
                old == new,
                "{} ({}) is old: {hint}",
                part.document,
                part.name
            );
        }
    }
}
