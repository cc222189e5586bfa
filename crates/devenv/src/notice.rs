//! Progress on stderr: what is done on this machine, and where.

use std::io::Write;

/// Writes one progress line to stderr.
pub fn tell(message: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr(), "[dev] {message}");
}
