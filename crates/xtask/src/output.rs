//! Text for the person at the terminal. A closed pipe is no reason to stop.

use std::io::{IsTerminal, Write};

use agent_devenv::variable;

/// Results, on stdout.
pub(crate) fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// One line that says why the command failed, on stderr.
pub(crate) fn error(text: &str) {
    let _ = writeln!(std::io::stderr(), "cargo dev: {text}");
}

/// Colours only for a terminal, and not when `NO_COLOR` is set.
pub(crate) fn colours() -> bool {
    std::io::stdout().is_terminal() && variable("NO_COLOR").is_none()
}
