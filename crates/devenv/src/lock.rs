//! Locks between processes, on files. The kernel releases them, also at SIGKILL.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::error::{DevEnvError, Doing};
use crate::notice::tell;

const POLL: Duration = Duration::from_millis(20);
const SAY_AFTER: Duration = Duration::from_secs(2);

/// A held lock; dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct FileLock(#[expect(dead_code, reason = "the open file is what holds the lock")] File);

impl FileLock {
    /// Takes the lock alone; waits, and says so after two seconds.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn exclusive(path: &Path, waiting_for: &str) -> Result<Self, DevEnvError> {
        wait(path, waiting_for, File::try_lock)
    }

    /// Takes the lock together with other sharers; waits, and says so after two seconds.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn shared(path: &Path, waiting_for: &str) -> Result<Self, DevEnvError> {
        wait(path, waiting_for, File::try_lock_shared)
    }

    /// Takes the lock alone, or gives `None` when somebody holds it.
    ///
    /// # Errors
    /// The file cannot be opened or locked.
    pub fn try_exclusive(path: &Path) -> Result<Option<Self>, DevEnvError> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(refused(path, source)),
        }
    }
}

fn wait(
    path: &Path,
    waiting_for: &str,
    lock: fn(&File) -> Result<(), TryLockError>,
) -> Result<FileLock, DevEnvError> {
    let file = open(path)?;
    let start = Instant::now();
    let mut said = false;
    loop {
        match lock(&file) {
            Ok(()) => return Ok(FileLock(file)),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(source)) => return Err(refused(path, source)),
        }
        if !said && start.elapsed() > SAY_AFTER {
            tell(&format!("waiting for {waiting_for}"));
            said = true;
        }
        std::thread::sleep(POLL);
    }
}

fn open(path: &Path) -> Result<File, DevEnvError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .doing(|| format!("open the lock file {}", path.display()))
}

fn refused(path: &Path, source: std::io::Error) -> DevEnvError {
    DevEnvError::Io {
        action: format!("lock {}", path.display()),
        source,
    }
}
