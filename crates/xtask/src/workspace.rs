//! The folders and files of the development system.

use std::path::PathBuf;

use agent_devenv::{private_directory, tools_dir, workspace_root};

use crate::failure::{Failure, Outcome, While};

/// Where everything lies.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    /// `<root>/.dev`: data, secrets, logs, unpacked programs. Git ignores it.
    pub(crate) dev: PathBuf,
    /// Cargo's target folder.
    target: PathBuf,
}

/// Which build of the binaries is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Debug,
    Release,
}

impl Workspace {
    pub(crate) fn here() -> Outcome<Self> {
        let root = workspace_root();
        let own = std::env::current_exe().while_doing(|| "find this program".into())?;
        // This program is `<target>/<profile>/xtask`, wherever Cargo was told to build.
        let target = own
            .ancestors()
            .nth(2)
            .map_or_else(|| root.join("target"), PathBuf::from);
        Ok(Self {
            dev: root.join(".dev"),
            root,
            target,
        })
    }

    /// Creates `.dev`. Servers that run as another user must be able to pass it.
    pub(crate) fn create(&self) -> Outcome<()> {
        private_directory(&self.dev, 0o711)?;
        private_directory(&self.dev.join("log"), 0o711)?;
        Ok(())
    }

    pub(crate) fn binary(&self, name: &str, profile: Profile) -> PathBuf {
        let folder = match profile {
            Profile::Debug => "debug",
            Profile::Release => "release",
        };
        self.target.join(folder).join(name)
    }

    /// Secrets and settings of the binaries, `KEY=VALUE` lines, mode 0600.
    pub(crate) fn env_file(&self) -> PathBuf {
        self.dev.join("env")
    }

    /// Ports and server passwords, mode 0600.
    pub(crate) fn state_file(&self) -> PathBuf {
        self.dev.join("state.json")
    }

    /// Held by a running `up`.
    pub(crate) fn up_lock(&self) -> PathBuf {
        self.dev.join("up.lock")
    }

    pub(crate) fn pid_file(&self, name: &str) -> PathBuf {
        self.dev.join(format!("{name}.pid"))
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dev.join("log").join(format!("{name}.log"))
    }

    pub(crate) fn postgres_dir(&self) -> PathBuf {
        self.dev.join("postgres")
    }

    pub(crate) fn redis_dir(&self) -> PathBuf {
        self.dev.join("redis")
    }

    pub(crate) fn tools_dir(&self) -> PathBuf {
        tools_dir(&self.root)
    }

    /// A clear word when `up` has not run here yet.
    pub(crate) fn require_state(&self) -> Outcome<crate::state::State> {
        crate::state::State::read(&self.state_file())?.ok_or_else(|| {
            Failure::message("there is no development system here yet: run `cargo dev up`")
        })
    }
}
