//! The merged log: each line of a process with its name in front, and in a file of its own.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use crate::output;

/// Width of the longest name.
const NAME_WIDTH: usize = 6;

/// Where the lines of the processes go.
#[derive(Clone, Debug)]
pub(crate) struct LogSink {
    folder: PathBuf,
    colours: bool,
}

impl LogSink {
    /// Files go to `folder`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            colours: output::colours(),
        }
    }

    /// Copies all lines of a stream until its end, in a thread.
    pub(crate) fn follow(&self, name: &'static str, stream: Option<impl Read + Send + 'static>) {
        let Some(stream) = stream else { return };
        let prefix = prefix(name, self.colours);
        let file = self.open(name);
        std::thread::spawn(move || copy_lines(stream, &prefix, file, &mut std::io::stdout()));
    }

    /// Without its file the log still shows on the terminal.
    fn open(&self, name: &str) -> Option<File> {
        let path = self.folder.join(format!("{name}.log"));
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .ok()
    }
}

fn prefix(name: &str, colours: bool) -> String {
    let plain = format!("{name:NAME_WIDTH$}|");
    let colour = match name {
        "api" => "36",
        _ => "35",
    };
    if colours {
        format!("\x1b[{colour}m{plain}\x1b[0m ")
    } else {
        format!("{plain} ")
    }
}

fn copy_lines(stream: impl Read, prefix: &str, mut file: Option<File>, terminal: &mut impl Write) {
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader
        .read_until(b'\n', &mut line)
        .is_ok_and(|length| length > 0)
    {
        if line.last() != Some(&b'\n') {
            line.push(b'\n');
        }
        // One write per line, so that lines of several processes do not mix.
        let whole = [prefix.as_bytes(), &line].concat();
        let _ = terminal.write_all(&whole).and_then(|()| terminal.flush());
        if let Some(file) = &mut file {
            let _ = file.write_all(&line);
        }
        line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_carries_the_name() {
        let mut terminal = Vec::new();
        copy_lines(
            &b"one\ntwo \xff\nlast"[..],
            &prefix("api", false),
            None,
            &mut terminal,
        );
        assert_eq!(terminal, b"api   | one\napi   | two \xff\napi   | last\n");
    }

    #[test]
    fn names_line_up_and_take_colour() {
        assert_eq!(prefix("worker", false), "worker| ");
        assert_eq!(prefix("api", true), "\x1b[36mapi   |\x1b[0m ");
    }
}
