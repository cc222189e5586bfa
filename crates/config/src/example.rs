//! The file `.env.example`, made from the table of variables.

use crate::variables::{VARIABLES, Variable};

const HEAD: &str = "\
# Every environment variable of agent-api and agent-worker, with its default.
# Made from crates/config/src/variables.rs; a test compares the two. Write it anew with
#   cargo run -q -p agent-config --example env_example > .env.example
#
# An empty variable counts as unset. \"In production\" means that one of RGB_ENV, APP_ENV and
# ENVIRONMENT is staging, production or prod. A secret can be given as a file instead: its path
# in <NAME>_FILE.
";

/// The text of `.env.example`: every variable under its group, its meaning in one line, its
/// default, secrets empty.
#[must_use]
pub fn env_example() -> String {
    let mut text = HEAD.to_owned();
    let mut group = "";
    for variable in VARIABLES {
        if variable.group != group {
            group = variable.group;
            text.push_str(&format!("\n# --- {group} ---\n"));
        }
        text.push_str(&entry(variable));
    }
    text
}

fn entry(variable: &Variable) -> String {
    let kind = if variable.secret { " (secret)" } else { "" };
    let Variable { name, meaning, .. } = variable;
    let default = variable.default.unwrap_or_default();
    format!("# {meaning}{kind}\n{name}={default}\n")
}
