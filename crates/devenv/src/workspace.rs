//! Where this workspace lies.

use std::path::{Path, PathBuf};

use crate::environment::variable;

/// The root folder of the workspace.
///
/// Cargo names the package folder at run time (`CARGO_MANIFEST_DIR`); a program started
/// without Cargo uses the folder it was compiled in.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR"));
    let start =
        variable("CARGO_MANIFEST_DIR").map_or_else(|| compiled.to_path_buf(), PathBuf::from);
    let root = root_above(&start)
        .or_else(|| root_above(compiled))
        .unwrap_or(start);
    root.canonicalize().unwrap_or(root)
}

/// The folder that keeps unpacked server programs: `<root>/.dev/tools`.
#[must_use]
pub fn tools_dir(root: &Path) -> PathBuf {
    root.join(".dev").join("tools")
}

fn root_above(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|folder| folder.join("Cargo.lock").is_file() && folder.join("crates").is_dir())
        .map(Path::to_path_buf)
}

/// A stable number for a path, for names in the temp dir (FNV-1a, 64 bit).
pub(crate) fn path_key(path: &Path) -> u64 {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_workspace_root() {
        let root = workspace_root();
        assert!(
            root.join("crates/devenv/src/workspace.rs").is_file(),
            "{}",
            root.display()
        );
    }

    #[test]
    fn path_key_differs_between_clones() {
        assert_ne!(path_key(Path::new("/a/one")), path_key(Path::new("/a/two")));
        assert_eq!(path_key(Path::new("/a/one")), path_key(Path::new("/a/one")));
    }
}
