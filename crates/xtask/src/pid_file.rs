//! Files that name a running process, for `down` and `status`.

use std::fs;
use std::path::Path;

use agent_devenv::{ProcessId, write_private};

use crate::failure::Outcome;

/// Notes a running process.
pub(crate) fn write(path: &Path, id: &ProcessId) -> Outcome<()> {
    Ok(write_private(path, &format!("{} {}\n", id.pid, id.start))?)
}

/// The noted process, while exactly that one runs.
pub(crate) fn read(path: &Path) -> Option<ProcessId> {
    let text = fs::read_to_string(path).ok()?;
    let (pid, start) = text.trim_end().split_once(' ')?;
    let id = ProcessId {
        pid: pid.parse().ok()?,
        start: start.to_owned(),
    };
    id.is_alive().then_some(id)
}

/// Removes the note.
pub(crate) fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_only_the_very_process_that_was_noted() {
        let path = std::env::temp_dir().join(format!("agent-xtask-pid-{}", std::process::id()));
        assert_eq!(read(&path), None);
        let own = ProcessId::own().unwrap();
        write(&path, &own).unwrap();
        assert_eq!(read(&path), Some(own.clone()));
        write(
            &path,
            &ProcessId {
                start: "earlier".into(),
                ..own
            },
        )
        .unwrap();
        assert_eq!(
            read(&path),
            None,
            "the number was used again by another process"
        );
        remove(&path);
    }
}
