//! The figures for people and for programs.

use std::{fmt::Write as _, fs, path::Path};

use agent_devenv::workspace_root;
use agent_services::Clock;
use anyhow::Context as _;
use serde_json::json;

use super::{BenchArgs, figure::Figure};
use crate::{
    out::say,
    rig::{cores::Cores, machine},
    table,
};

const HEADING: [&str; 7] = [
    "bench", "what", "baseline", "product", "ratio", "target", "",
];
/// Where `--record` puts the table.
const DOCUMENT: &str = "docs/PERFORMANCE.md";
const BEGIN: &str = "<!-- written by `cargo dev bench --record`: begin -->\n";
const END: &str = "<!-- end -->\n";

pub(super) fn print(figures: &[Figure]) {
    let rows: Vec<_> = figures.iter().map(Figure::row).collect();
    table::print(HEADING, &rows);
}

fn date() -> String {
    Clock::system().now().format("%Y-%m-%d").to_string()
}

pub(super) fn write(path: &Path, args: &BenchArgs, figures: &[Figure]) -> anyhow::Result<()> {
    let report = json!({
        "date": date(),
        "machine": machine::describe(),
        "cores": Cores::of_this_machine().describe(),
        "players": args.players,
        "quick": args.quick,
        "figures": figures,
    });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// Puts the table into the document, in place of the last one.
pub(super) fn record(args: &BenchArgs, figures: &[Figure]) -> anyhow::Result<()> {
    let path = workspace_root().join(DOCUMENT);
    let document = fs::read_to_string(&path)?;
    let mut block = format!(
        "{}; {}; {}; {} players.\n\n",
        date(),
        machine::describe(),
        Cores::of_this_machine().describe(),
        args.players
    );
    let mut row = |cells: &[&str]| writeln!(block, "| {} |", cells.join(" | "));
    row(&HEADING)?;
    row(&["---"; 7])?;
    for figure in figures {
        row(&figure.row().each_ref().map(String::as_str))?;
    }
    let replaced = replaced(&document, &block);
    let replaced = replaced.with_context(|| format!("{DOCUMENT} has no place for the table"))?;
    fs::write(&path, replaced)?;
    say!("wrote {DOCUMENT}");
    Ok(())
}

fn replaced(document: &str, block: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{block}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_table_gives_way() {
        let document = format!("a\n{BEGIN}old\n{END}b\n");
        let expected = format!("a\n{BEGIN}new\n{END}b\n");
        assert_eq!(replaced(&document, "new\n"), Some(expected));
        assert_eq!(replaced("a\n", "new\n"), None);
    }

    #[test]
    fn the_document_has_a_place_for_the_table() {
        let document = fs::read_to_string(workspace_root().join(DOCUMENT)).unwrap();
        assert!(replaced(&document, "").is_some());
    }
}
