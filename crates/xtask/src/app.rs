//! One process of the API, the worker or the stand-ins for the SMS provider and the admin service.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use agent_devenv::ProcessId;

use crate::env_file::EnvFile;
use crate::failure::{Failure, Outcome, While};
use crate::pid_file;
use crate::supervise::LogSink;
use crate::workspace::{Profile, Workspace};

/// How to start one of the binaries.
#[derive(Clone, Debug)]
pub(crate) struct App {
    /// Short name: in the log, and of the file that notes the process.
    pub(crate) name: &'static str,
    pub(crate) binary: PathBuf,
    pub(crate) arguments: &'static [&'static str],
    pub(crate) environment: EnvFile,
    pub(crate) root: PathBuf,
    pub(crate) pid_file: PathBuf,
}

impl App {
    pub(crate) fn api(workspace: &Workspace, profile: Profile, environment: &EnvFile) -> Self {
        Self::new(
            workspace,
            profile,
            "api",
            "agent-api",
            &["serve"],
            environment.clone(),
        )
    }

    /// Without the signing key: only the API signs.
    pub(crate) fn worker(workspace: &Workspace, profile: Profile, environment: &EnvFile) -> Self {
        let environment = environment.without("JWT_PRIVATE_KEY");
        Self::new(
            workspace,
            profile,
            "worker",
            "agent-worker",
            &[],
            environment,
        )
    }

    /// Stands in for the SMS provider; what it is handed shows up in the log.
    pub(crate) fn sms(workspace: &Workspace, profile: Profile, environment: &EnvFile) -> Self {
        let environment = environment.without("JWT_PRIVATE_KEY");
        Self::new(
            workspace,
            profile,
            "sms",
            "agent-lab",
            &["sms"],
            environment,
        )
    }

    /// Stands in for the admin service: lets new agents in.
    pub(crate) fn admin(workspace: &Workspace, profile: Profile, environment: &EnvFile) -> Self {
        let environment = environment.without("JWT_PRIVATE_KEY");
        Self::new(
            workspace,
            profile,
            "admin",
            "agent-lab",
            &["admin"],
            environment,
        )
    }

    fn new(
        workspace: &Workspace,
        profile: Profile,
        name: &'static str,
        binary: &str,
        arguments: &'static [&'static str],
        environment: EnvFile,
    ) -> Self {
        Self {
            name,
            binary: workspace.binary(binary, profile),
            arguments,
            environment,
            root: workspace.root.clone(),
            pid_file: workspace.pid_file(name),
        }
    }

    /// Starts the process; its output goes to the merged log.
    pub(crate) fn start(&self, log: &LogSink) -> Outcome<Child> {
        let mut child = Command::new(&self.binary)
            .args(self.arguments)
            .envs(self.environment.pairs())
            .current_dir(&self.root)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // The terminal's Ctrl-C must not reach it: it is stopped in order.
            .process_group(0)
            .spawn()
            .while_doing(|| format!("start {}", self.binary.display()))?;
        log.follow(self.name, child.stdout.take());
        log.follow(self.name, child.stderr.take());
        match ProcessId::of(child.id()) {
            Some(id) => pid_file::write(&self.pid_file, &id)?,
            None => return Err(Failure::message(format!("{} ended at once", self.name))),
        }
        Ok(child)
    }
}
