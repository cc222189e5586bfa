//! A bar on standard error, which leaves standard output to the results.

use std::io::{IsTerminal as _, Write as _, stderr};

const WIDTH: usize = 30;

pub(super) struct Progress {
    what: &'static str,
    total: usize,
    done: usize,
    /// A line is drawn over only where somebody watches; a log gets a line for each tenth.
    is_watched: bool,
    tenths: usize,
}

impl Progress {
    pub(super) fn of(what: &'static str, total: usize) -> Self {
        Self {
            what,
            total,
            done: 0,
            is_watched: stderr().is_terminal(),
            tenths: 0,
        }
    }

    pub(super) fn advance(&mut self, by: usize) {
        self.done = (self.done + by).min(self.total);
        let tenths = self.done * 10 / self.total.max(1);
        if self.is_watched {
            self.write("\r", "");
        } else if tenths > self.tenths {
            self.write("", "\n");
        }
        self.tenths = tenths;
    }

    pub(super) fn end(&self) {
        if self.is_watched {
            self.write("\r", "\n");
        }
    }

    /// A progress that cannot be shown stops nothing.
    fn write(&self, before: &str, after: &str) {
        let _ = write!(stderr().lock(), "{before}{}{after}", self.line());
    }

    fn line(&self) -> String {
        let total = self.total.max(1);
        let bar = "#".repeat(self.done * WIDTH / total);
        let percent = self.done * 100 / total;
        let (done, what) = (self.done, self.what);
        format!("  [{bar:-<WIDTH$}] {percent:>3} % {done} {what}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills() {
        let mut progress = Progress::of("players", 200);
        assert!(progress.line().contains("[---"));
        progress.advance(100);
        let half = format!("[{}{}]  50 % 100 players", "#".repeat(15), "-".repeat(15));
        assert!(progress.line().contains(&half), "{}", progress.line());
        progress.advance(500);
        assert!(progress.line().contains("#] 100 % 200 players"));
    }
}
