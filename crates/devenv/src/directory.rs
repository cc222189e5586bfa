//! Folders and files with the right owner and mode.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use crate::error::{DevEnvError, Doing};

/// Creates a folder of this user in a place that others may write to, or accepts the one
/// that is there; refuses a link and a folder of somebody else.
///
/// # Errors
/// The folder cannot be created, or is not this user's.
pub fn private_directory(path: &Path, mode: u32) -> Result<(), DevEnvError> {
    let created = fs::DirBuilder::new().mode(mode).create(path);
    if let Err(error) = created
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error).doing(|| format!("create {}", path.display()));
    }
    let meta = fs::symlink_metadata(path).doing(|| format!("read {}", path.display()))?;
    let own = rustix::process::geteuid().as_raw();
    if !meta.is_dir() || meta.uid() != own {
        return Err(DevEnvError::failed(format!(
            "{} exists but is not a folder of this user: remove it",
            path.display()
        )));
    }
    // The umask may have taken bits away, or an older run may have left others.
    fs::set_permissions(path, Permissions::from_mode(mode))
        .doing(|| format!("set the mode of {}", path.display()))
}

/// Writes a file that only its owner can read; replaces the file in one step.
///
/// # Errors
/// The file cannot be written.
pub fn write_private(path: &Path, content: &str) -> Result<(), DevEnvError> {
    let next = path.with_extension(format!("new{}", std::process::id()));
    let written = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&next)
        .and_then(|mut file| file.write_all(content.as_bytes()))
        .and_then(|()| fs::rename(&next, path));
    written.doing(|| format!("write {}", path.display()))
}

/// Copies a folder with all it holds; modes stay, links stay links.
///
/// # Errors
/// Something cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<(), DevEnvError> {
    copy_folder(from, to).doing(|| format!("copy {} to {}", from.display(), to.display()))
}

fn copy_folder(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::metadata(from)?.permissions())?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(entry.path())?, &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

/// Calls `act` for a folder and for all it holds; does not follow links.
pub(crate) fn walk(
    path: &Path,
    act: &mut dyn FnMut(&Path, &fs::Metadata) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let meta = fs::symlink_metadata(path)?;
    act(path, &meta)?;
    if meta.is_dir() {
        for entry in fs::read_dir(path)? {
            walk(&entry?.path(), act)?;
        }
    }
    Ok(())
}

/// Removes a folder with all it holds; a folder that is not there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), DevEnvError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).doing(|| format!("remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch(name: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("agent-devenv-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn refuses_a_link_in_place_of_the_folder() {
        let path = scratch("link");
        std::os::unix::fs::symlink("/", &path).unwrap();
        assert!(private_directory(&path, 0o700).is_err());
        fs::remove_file(&path).unwrap();
    }

    #[test]
    fn copies_modes_and_links() {
        let (from, to) = (scratch("from"), scratch("to"));
        private_directory(&from, 0o700).unwrap();
        write_private(&from.join("secret"), "x").unwrap();
        std::os::unix::fs::symlink("secret", from.join("link")).unwrap();
        copy_tree(&from, &to).unwrap();
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&to), mode(&to.join("secret"))), (0o700, 0o600));
        assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("secret"));
        remove_tree(&from).unwrap();
        remove_tree(&to).unwrap();
        remove_tree(&to).unwrap();
    }
}
