//! Why a command ended early.

use agent_devenv::DevEnvError;

/// The result of a command.
pub(crate) type Outcome<T> = Result<T, Failure>;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One line for the person at the terminal.
    Message(String),
    /// Ctrl-C or SIGTERM; nothing to say.
    Interrupted,
    /// A program that was started has said what is wrong; its exit code is passed on.
    Status(u8),
}

impl Failure {
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }

    /// The exit of a program that has already told its trouble.
    pub(crate) fn of_status(status: std::process::ExitStatus) -> Self {
        Self::Status(
            status
                .code()
                .and_then(|code| u8::try_from(code).ok())
                .unwrap_or(1),
        )
    }
}

impl From<DevEnvError> for Failure {
    fn from(error: DevEnvError) -> Self {
        Self::Message(error.to_string())
    }
}

/// Adds to an I/O error what was being done.
pub(crate) trait While<T> {
    fn while_doing(self, action: impl FnOnce() -> String) -> Outcome<T>;
}

impl<T> While<T> for std::io::Result<T> {
    fn while_doing(self, action: impl FnOnce() -> String) -> Outcome<T> {
        self.map_err(|error| Failure::Message(format!("cannot {}: {error}", action())))
    }
}
