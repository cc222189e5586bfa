//! `.dev/env`: what the binaries read, as `KEY=VALUE` lines with raw values.

use std::path::Path;

use agent_devenv::write_private;

use crate::failure::{Failure, Outcome, While};
use crate::output;
use crate::workspace::Workspace;

/// The lines of the file, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EnvFile(Vec<(String, String)>);

impl EnvFile {
    /// An empty one when there is no file.
    pub(crate) fn read(path: &Path) -> Outcome<Self> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).while_doing(|| format!("read {}", path.display())),
        }
    }

    /// Lines without `=` and comments do not count.
    pub(crate) fn parse(text: &str) -> Self {
        let pairs = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| line.split_once('='))
            .map(|(key, value)| (key.trim().to_owned(), value.to_owned()));
        Self(pairs.collect())
    }

    pub(crate) fn write(&self, path: &Path) -> Outcome<()> {
        let lines: String = self
            .0
            .iter()
            .map(|(key, value)| format!("{key}={value}\n"))
            .collect();
        let head = "# Made by `cargo dev up`. Secrets of the development system: do not share.\n\
                    # Lines that you add stay; ports and URLs are written anew at each `up`.\n";
        Ok(write_private(path, &format!("{head}{lines}"))?)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Replaces the value, or adds the line.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some(pair) => pair.1 = value,
            None => self.0.push((key.to_owned(), value)),
        }
    }

    /// Adds the line unless the key is there, so that a person's own value stays.
    pub(crate) fn set_default(&mut self, key: &str, value: &str) {
        if self.get(key).is_none() {
            self.set(key, value);
        }
    }

    /// A copy that lacks one key.
    pub(crate) fn without(&self, key: &str) -> Self {
        Self(
            self.0
                .iter()
                .filter(|(name, _)| name != key)
                .cloned()
                .collect(),
        )
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    fn exports(&self) -> String {
        let lines: Vec<String> = self
            .pairs()
            .map(|(key, value)| format!("export {key}={}", quoted(value)))
            .collect();
        lines.join("\n")
    }
}

/// For a shell: nothing inside single quotes has a meaning, but the quote itself.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// The environment of the development system; a clear word when there is none yet.
pub(crate) fn require(workspace: &Workspace) -> Outcome<EnvFile> {
    let file = EnvFile::read(&workspace.env_file())?;
    if file == EnvFile::default() {
        return Err(Failure::message(
            "there is no development system here yet: run `cargo dev up`",
        ));
    }
    Ok(file)
}

/// `cargo dev env`.
pub(crate) fn print_exports(workspace: &Workspace) -> Outcome<()> {
    output::print(&require(workspace)?.exports());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_raw_values_and_their_order() {
        let file = EnvFile::parse("# note\nB=1=2\n\nA=-----BEGIN\\nx y\\n\nnothing\n");
        let pairs: Vec<_> = file.pairs().collect();
        assert_eq!(pairs, [("B", "1=2"), ("A", "-----BEGIN\\nx y\\n")]);
    }

    #[test]
    fn own_values_stay_and_managed_ones_change() {
        let mut file = EnvFile::parse("LOG_FORMAT=json\nHTTP_LISTEN=old\n");
        file.set_default("LOG_FORMAT", "text");
        file.set("HTTP_LISTEN", "new");
        file.set("REDIS_URL", "r");
        let pairs: Vec<_> = file.pairs().collect();
        assert_eq!(
            pairs,
            [
                ("LOG_FORMAT", "json"),
                ("HTTP_LISTEN", "new"),
                ("REDIS_URL", "r")
            ]
        );
    }

    #[test]
    fn a_shell_reads_the_exports_back() {
        let mut file = EnvFile::default();
        let value = "it's $HOME `x` \\n \"q\"";
        file.set("KEY", value);
        let script = format!("{}\nprintf %s \"$KEY\"", file.exports());
        let output = std::process::Command::new("sh")
            .args(["-c", &script])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), value);
    }

    #[test]
    fn the_file_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("agent-xtask-env-{}", std::process::id()));
        std::fs::write(&path, "OLD=1\n").unwrap();
        let file = EnvFile::parse("SECRET_KEY=x\n");
        file.write(&path).unwrap();
        assert_eq!(EnvFile::read(&path).unwrap(), file);
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        std::fs::remove_file(&path).unwrap();
    }
}
