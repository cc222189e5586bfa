//! The real binaries as processes of their own, for tests that kill them.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

/// Where the binaries are; built once if they are not there or old.
fn binaries() -> &'static PathBuf {
    static BINARIES: OnceLock<PathBuf> = OnceLock::new();
    BINARIES.get_or_init(|| {
        #[expect(clippy::disallowed_methods, reason = "cargo names itself to its tests")]
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let built = Command::new(cargo)
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the binaries do not build");
        let own = std::env::current_exe().expect("the test's own path");
        own.ancestors()
            .nth(2)
            .expect("target/<profile>/deps/<test>")
            .to_owned()
    })
}

/// A command for one of the binaries that knows only the given variables.
#[must_use]
pub fn command(binary: &str, environment: &BTreeMap<String, String>) -> Command {
    let mut command = Command::new(binaries().join(binary));
    command.env_clear().envs(environment).stdin(Stdio::null());
    command
}

/// Runs a binary to its end.
#[must_use]
pub fn run(binary: &str, arguments: &[&str], environment: &BTreeMap<String, String>) -> Output {
    command(binary, environment)
        .args(arguments)
        .output()
        .expect("the binary runs")
}

/// A process that is killed when the test ends.
pub struct Process(Child);

impl Process {
    #[must_use]
    pub fn spawn(binary: &str, environment: &BTreeMap<String, String>) -> Self {
        let child = command(binary, environment)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("the binary starts"))
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("reaped");
    }

    /// SIGTERM; gives the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let sent = Command::new("kill")
            .arg(self.0.id().to_string())
            .status()
            .expect("kill runs");
        assert!(sent.success(), "the process is alive");
        self.0.wait().expect("ended").code()
    }

    /// Whether the process still runs.
    pub fn is_alive(&mut self) -> bool {
        self.0.try_wait().expect("asked").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Dead already: nothing to do.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// An address that nothing listens on.
#[must_use]
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}
